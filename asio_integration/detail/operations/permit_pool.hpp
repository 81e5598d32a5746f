#pragma once

#include <asio/associated_cancellation_slot.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/execution_context.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <system_error>
#include <utility>

#include <asio_integration/detail/operations/permit_queue.hpp>
#include <asio_integration/spawn_permit.hpp>

namespace subprocess::detail {

/// The permits of one limiter, and who waits for one. It outlives the limiter
/// while permits are out, and holds nothing of the context.
///
/// Thread safety: safe.
class permit_pool : public std::enable_shared_from_this<permit_pool> {
public:
  /// \param context  When it shuts down, the waiters are dropped uncalled.
  static std::shared_ptr<permit_pool> make(asio::execution_context& context, std::size_t most);

  explicit permit_pool(std::size_t most) noexcept : queue_(most) {}

  std::size_t most() const noexcept { return queue_.most(); }
  std::size_t in_flight() const;

  /// Completes the waiter when a permit is free; at once if one is.
  void acquire(permit_waiter& added) noexcept;

  /// Completes one waiter with `operation_aborted`, if it still waits.
  void cancel(std::uint64_t waiter_id) noexcept;

  /// Takes one permit back; the first waiter gets it.
  void release() noexcept;

  /// The limiter is gone: completes the waiters with `operation_aborted`.
  void close() noexcept;

  /// Drops the waiters uncalled.
  void shut_down() noexcept;

private:
  mutable std::mutex mutex_;
  permit_queue queue_;
  bool is_shut_down_ = false;
};

/// Completes with `void(std::error_code, spawn_permit)`.
template <class Executor, class Handler>
void async_acquire(const std::shared_ptr<permit_pool>& pool, const Executor& executor, Handler handler)
{
  using handler_waiter = handler_completion<permit_waiter, Handler, Executor, std::error_code, spawn_permit>;
  auto slot = asio::get_associated_cancellation_slot(handler);
  handler_waiter* const added = handler_waiter::make(std::move(handler), executor);
  completion_owner<std::error_code, spawn_permit> owned(added);
  if (slot.is_connected())
    slot.assign([weak = std::weak_ptr(pool), id = added->id](asio::cancellation_type) {
      if (const auto locked = weak.lock())
        locked->cancel(id);
    });
  owned.release();
  pool->acquire(*added);
}

} // namespace subprocess::detail
