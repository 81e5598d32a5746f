#include <asio_integration/detail/operations/permit_pool.hpp>

#include <asio/error.hpp>

#include <asio_integration/detail/members_of_context.hpp>

namespace subprocess {
namespace detail {
std::shared_ptr<permit_pool> permit_pool::make(asio::execution_context& context, std::size_t most)
{
  auto pool = std::make_shared<permit_pool>(most);
  asio::use_service<members_of_context<permit_pool>>(context).add(pool);
  return pool;
}

std::size_t permit_pool::in_flight() const
{
  const std::lock_guard lock(mutex_);
  return queue_.in_flight();
}

void permit_pool::acquire(permit_waiter& added) noexcept
{
  std::unique_lock lock(mutex_);
  if (is_shut_down_) {
    lock.unlock();
    return added.abandon();
  }
  const bool is_free = queue_.take(added);
  lock.unlock();
  if (is_free)
    added.complete({}, spawn_permit(shared_from_this()));
}

void permit_pool::cancel(std::uint64_t waiter_id) noexcept
{
  std::unique_lock lock(mutex_);
  permit_waiter* const removed = queue_.leave(waiter_id);
  lock.unlock();
  if (removed)
    removed->complete(asio::error::operation_aborted, {});
}

void permit_pool::release() noexcept
{
  std::unique_lock lock(mutex_);
  permit_waiter* const next = queue_.give_back();
  lock.unlock();
  if (next)
    next->complete({}, spawn_permit(shared_from_this()));
}

void permit_pool::close() noexcept
{
  std::unique_lock lock(mutex_);
  permit_waiters aborted = queue_.leave_all();
  lock.unlock();
  while (permit_waiter* const one = aborted.pop())
    one->complete(asio::error::operation_aborted, {});
}

void permit_pool::shut_down() noexcept
{
  std::unique_lock lock(mutex_);
  is_shut_down_ = true;
  const permit_waiters dropped = queue_.leave_all();
  lock.unlock(); // A dropped handler may own permits.
}

} // namespace detail

void spawn_permit::release() noexcept
{
  if (const auto pool = std::exchange(pool_, nullptr))
    pool->release();
}

} // namespace subprocess
