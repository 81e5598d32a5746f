#include <asio_integration/detail/launch/launch_watch.hpp>

#include <chrono>
#include <exception>
#include <utility>

namespace subprocess::detail {
namespace {

// How long a stopped child can go unnoticed.
constexpr std::chrono::milliseconds tick_interval(50);

} // namespace

asio::execution_context::id launch_watch::id;

launch_watch::launch_watch(asio::execution_context& context) : asio::execution_context::service(context), loop_(context)
{
}

void launch_watch::prepare()
{
  const std::lock_guard lock(mutex_);
  if (!is_over_ && !timer_)
    timer_.emplace(loop_executor(context()));
}

void launch_watch::add(watched_launch& added, std::shared_ptr<void> alive) noexcept
{
  const std::lock_guard lock(mutex_);
  if (is_over_)
    return;
  if (!is_armed_)
    arm();
  added.alive_ = std::move(alive);
  added.round_ = round_;
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

// Should there be no memory for the timer, the next launch tries again.
void launch_watch::arm() noexcept
{
  try {
    timer_->expires_after(tick_interval);
    timer_->async_wait(wait_handler([this](std::error_code) { tick(); }, memory_));
    is_armed_ = true;
    loop_.release();
  } catch (const std::exception&) {
  }
}

void launch_watch::tick()
{
  loop_.hold();
  std::unique_lock lock(mutex_);
  is_armed_ = false;
  if (is_over_ || !first_)
    return;
  arm(); // Before anything of a launch can fail.
  const std::uint64_t round = ++round_;
  // Each may remove itself and others; new ones come at the front.
  std::shared_ptr<void> alive; // The last reference may only go without the lock.
  for (watched_launch* one = first_; one; one = one->link_ ? one->next_ : first_) {
    if (std::exchange(one->round_, round) == round)
      continue;
    std::shared_ptr<void> of_this = one->alive_;
    lock.unlock();
    alive = std::move(of_this);
    one->look_again();
    lock.lock();
  }
  lock.unlock();
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

// A copy that goes on with the context ends it as its own.
void launch_watch::notify_fork(asio::execution_context::fork_event event)
{
  if (event == asio::execution_context::fork_child)
    owner_ = own_pid();
}

} // namespace subprocess::detail
