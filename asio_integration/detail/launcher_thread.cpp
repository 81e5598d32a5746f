#include <asio_integration/detail/launcher_thread.hpp>

#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>
#include <thread>

namespace subprocess::detail {
namespace {

class launcher_thread final : public asio::execution_context::service {
public:
  using key_type = launcher_thread;
  static inline asio::execution_context::id id;

  explicit launcher_thread(asio::execution_context& context) : asio::execution_context::service(context) {}

  std::error_code run(std::function<void()> job)
  {
    const std::lock_guard lock(mutex_);
    if (const std::error_code ec = start())
      return ec;
    jobs_.push_back(std::move(job));
    wake_.notify_one();
    return {};
  }

private:
  std::error_code start() noexcept
  {
    if (thread_.joinable())
      return {};
    // The host's signals are for the host's threads.
    sigset_t all;
    sigset_t old;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &old);
    std::error_code ec;
    try {
      thread_ = std::thread([this] { work(); });
      owner_ = ::getpid();
    } catch (const std::system_error& error) {
      ec = error.code();
    }
    ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
    return ec;
  }

  void work()
  {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (stopping_)
        return;
      std::function<void()> job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
      job = nullptr; // What it held must not outlive it here.
      lock.lock();
    }
  }

  void shutdown() override
  {
    if (!thread_.joinable())
      return;
    if (owner_ != ::getpid()) { // The thread stayed in the program this was forked from.
      thread_.detach();
      return;
    }
    std::deque<std::function<void()>> dropped;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      dropped.swap(jobs_);
    }
    wake_.notify_one();
    thread_.join();
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::thread thread_;
  pid_t owner_ = -1;
};

} // namespace

std::error_code run_on_launcher_thread(asio::execution_context& context, std::function<void()> job)
{
  return asio::use_service<launcher_thread>(context).run(std::move(job));
}

} // namespace subprocess::detail
