#include <asio_integration/detail/operations/permit_pool.hpp>

#include <asio/error.hpp>

#include <vector>

namespace subprocess {
namespace detail {
namespace {

/// Tells the pools of a context of its end.
class permit_pools final : public asio::execution_context::service {
public:
  using key_type = permit_pools;
  static inline asio::execution_context::id id;

  explicit permit_pools(asio::execution_context& context) : asio::execution_context::service(context) {}

  void add(const std::shared_ptr<permit_pool>& pool)
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(pools_, [](const auto& known) { return known.expired(); });
    pools_.push_back(pool);
  }

private:
  void shutdown() override
  {
    std::unique_lock lock(mutex_);
    const auto pools = std::exchange(pools_, {});
    lock.unlock();
    for (const auto& known : pools)
      if (const auto pool = known.lock())
        pool->shut_down();
  }

  std::mutex mutex_;
  std::vector<std::weak_ptr<permit_pool>> pools_;
};

} // namespace

std::shared_ptr<permit_pool> permit_pool::make(asio::execution_context& context, std::size_t most)
{
  auto pool = std::make_shared<permit_pool>(most);
  asio::use_service<permit_pools>(context).add(pool);
  return pool;
}

std::size_t permit_pool::in_flight() const
{
  const std::lock_guard lock(mutex_);
  return in_flight_;
}

void permit_pool::acquire(permit_waiter& added) noexcept
{
  std::unique_lock lock(mutex_);
  if (is_shut_down_) {
    lock.unlock();
    return added.abandon();
  }
  if (in_flight_ >= most_)
    return waiters_.push(added);
  ++in_flight_;
  lock.unlock();
  added.complete({}, spawn_permit(shared_from_this()));
}

void permit_pool::cancel(std::uint64_t waiter_id) noexcept
{
  std::unique_lock lock(mutex_);
  permit_waiter* const removed = waiters_.remove(waiter_id);
  lock.unlock();
  if (removed)
    removed->complete(asio::error::operation_aborted, {});
}

// Handed on, it stays in flight: who comes later cannot take it.
void permit_pool::release() noexcept
{
  std::unique_lock lock(mutex_);
  permit_waiter* const next = waiters_.pop();
  if (!next)
    --in_flight_;
  lock.unlock();
  if (next)
    next->complete({}, spawn_permit(shared_from_this()));
}

void permit_pool::close() noexcept
{
  std::unique_lock lock(mutex_);
  permit_waiters aborted = std::exchange(waiters_, {});
  lock.unlock();
  while (permit_waiter* const one = aborted.pop())
    one->complete(asio::error::operation_aborted, {});
}

void permit_pool::shut_down() noexcept
{
  std::unique_lock lock(mutex_);
  is_shut_down_ = true;
  const permit_waiters dropped = std::exchange(waiters_, {});
  lock.unlock(); // A dropped handler may own permits.
}

} // namespace detail

void spawn_permit::release() noexcept
{
  if (const auto pool = std::exchange(pool_, nullptr))
    pool->release();
}

} // namespace subprocess
