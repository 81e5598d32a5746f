#include <asio_integration/detail/launch/launch_queue.hpp>

#include <algorithm>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace subprocess::detail {
namespace {

unsigned launches_at_once() noexcept
{
  return std::max(4U, 2 * std::thread::hardware_concurrency());
}

class launch_queue final : public asio::execution_context::service {
public:
  using key_type = launch_queue;
  static inline asio::execution_context::id id;

  explicit launch_queue(asio::execution_context& context) : asio::execution_context::service(context) {}

  bool let_alone(const launch_pointer& launch)
  {
    launch_pointer before;
    const std::lock_guard lock(mutex_);
    if (room_ < most_ || (alone_ && alone_->shared.in_use))
      return false;
    before = std::exchange(alone_, launch);
    return true;
  }

  bool enter(std::function<void()> resume)
  {
    const std::lock_guard lock(mutex_);
    if (room_ == 0) {
      waiting_.push_back(std::move(resume));
      return false;
    }
    --room_;
    return true;
  }

  void leave()
  {
    std::function<void()> resume;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty()) {
        ++room_;
        return;
      }
      resume = std::move(waiting_.front());
      waiting_.pop_front();
    }
    resume();
  }

private:
  void shutdown() override
  {
    std::deque<std::function<void()>> dropped;
    launch_pointer alone;
    const std::lock_guard lock(mutex_);
    dropped.swap(waiting_);
    alone.swap(alone_);
  }

  std::mutex mutex_;
  const unsigned most_ = launches_at_once();
  unsigned room_ = most_;
  std::deque<std::function<void()>> waiting_;
  launch_pointer alone_; // The last one outside of the queue.
};

} // namespace

bool launches_alone(asio::execution_context& context, const launch_pointer& launch)
{
  return asio::use_service<launch_queue>(context).let_alone(launch);
}

bool enter_launch_queue(asio::execution_context& context, std::function<void()> resume)
{
  return asio::use_service<launch_queue>(context).enter(std::move(resume));
}

void leave_launch_queue(asio::execution_context& context)
{
  asio::use_service<launch_queue>(context).leave();
}

} // namespace subprocess::detail
