#include <asio_integration/detail/launch/launch_watch.hpp>

#include <chrono>
#include <utility>

namespace subprocess::detail {
namespace {

// How long a stopped child can go unnoticed.
constexpr std::chrono::milliseconds tick_interval(50);

} // namespace

asio::execution_context::id launch_watch::id;

launch_watch::launch_watch(asio::execution_context& context) : asio::execution_context::service(context), idle_(context)
{
}

void launch_watch::add(const asio::any_io_executor& executor, watched_launch& added, std::shared_ptr<void> alive)
{
  const std::lock_guard lock(mutex_);
  if (is_over_)
    return;
  if (!timer_)
    timer_.emplace(executor);
  if (!is_armed_)
    arm();
  added.alive_ = std::move(alive);
  added.next_ = first_;
  added.link_ = &first_;
  if (first_)
    first_->link_ = &added.next_;
  first_ = &added;
}

void launch_watch::remove(watched_launch& removed) noexcept
{
  std::shared_ptr<void> let_go; // After the lock.
  const std::lock_guard lock(mutex_);
  if (!removed.link_)
    return;
  let_go = std::move(removed.alive_);
  *removed.link_ = removed.next_;
  if (removed.next_)
    removed.next_->link_ = removed.link_;
  removed.link_ = nullptr;
}

void launch_watch::arm()
{
  timer_->expires_after(tick_interval);
  timer_->async_wait([this](std::error_code) { tick(); });
  is_armed_ = true;
  idle_.exclude();
}

void launch_watch::tick()
{
  idle_.include();
  const std::lock_guard lock(mutex_);
  is_armed_ = false;
  if (is_over_ || !first_)
    return;
  arm(); // Before anything of a launch can fail.
  for (watched_launch* one = first_; one; one = one->next_)
    one->look_again();
}

// In a fork of the program the timer goes with the object, when Asio's own services
// touch nothing any more.
void launch_watch::shutdown()
{
  std::unique_lock lock(mutex_);
  is_over_ = true;
  if (owner_ == own_pid())
    timer_.reset();
  while (first_) {
    watched_launch* const one = first_;
    first_ = one->next_;
    if (first_)
      first_->link_ = &first_;
    one->link_ = nullptr;
    std::shared_ptr<void> let_go = std::move(one->alive_);
    lock.unlock();
    let_go.reset();
    lock.lock();
  }
}

} // namespace subprocess::detail
