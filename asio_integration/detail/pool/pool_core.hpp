#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/cancellation_type.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <system_error>
#include <type_traits>
#include <utility>

#include <asio_integration/detail/asio_internals.hpp>
#include <asio_integration/detail/operations/completion.hpp>
#include <asio_integration/detail/operations/pending.hpp>
#include <asio_integration/pool_event.hpp>
#include <asio_integration/worker_lease.hpp>
#include <asio_integration/worker_pool_options.hpp>
#include <subprocess/command.hpp>
#include <subprocess/error.hpp>

namespace subprocess::detail {

/// One pool, as its public class and its leases see it. It lives on while it runs and
/// while there are leases, and touches nothing of the context once that has ended.
///
/// Thread safety: safe.
class pool_core {
public:
  using lease_waiter = pending<std::error_code, worker_lease>;
  using event_waiter = pending<std::error_code, pool_event>;
  using plain_waiter = pending<std::error_code>;

  /// What can be waited for.
  enum class wish { run, lease, ready, replacement, event };

  enum class lease_end {
    done,
    dropped, ///< Nobody knows what is left in its streams.
    broken,  ///< It did not keep to the protocol.
  };

  static std::shared_ptr<pool_core> make(const asio::any_io_executor& executor, command worker,
                                         worker_pool_options options);

  virtual ~pool_core();

  /// Of the context where operations complete.
  const event_queue loop;

  // Each has its waiter completed, or dropped when the context ends.
  virtual void run(plain_waiter& added) = 0;
  virtual void acquire(lease_waiter& added) = 0;
  virtual void wait_ready(plain_waiter& added, std::size_t workers) = 0;
  virtual void replace(plain_waiter& added, command next) = 0;
  virtual void next_event(event_waiter& added) = 0;

  /// Has no effect on a waiter that is completed already.
  virtual void cancel(wish what, std::uint64_t waiter_id) = 0;

  virtual void give_back(std::uint64_t worker, lease_end how) noexcept = 0;
  virtual void resize(std::size_t size) = 0;
  virtual pool_counts counts() const = 0;
  virtual spawn_failure last_failure() const = 0;
  virtual std::uint64_t events_dropped() const = 0;

  /// The pool's object is gone.
  virtual void close() noexcept = 0;

  /// The context is: drops the waiters uncalled, and kills the workers.
  virtual void shut_down() noexcept = 0;

protected:
  explicit pool_core(const event_queue& queue) noexcept : loop(queue) {}
};

/// Starts to wait for something of a pool.
template <class... Results>
class pool_initiation {
public:
  // cancel_after() and as_default_on() ask for it.
  using executor_type = asio::any_io_executor;

  explicit pool_initiation(const executor_type& executor) noexcept : executor_(executor) {}

  const executor_type& get_executor() const noexcept { return executor_; }

  template <class Handler, class Start>
  void operator()(Handler&& source, const std::shared_ptr<pool_core>& pool, pool_core::wish what, Start start) const
  {
    using handler_type = std::decay_t<Handler>;
    using waiter_type = handler_completion<pending<Results...>, handler_type, executor_type, Results...>;
    handler_type handler(std::forward<Handler>(source));
    auto slot = asio::get_associated_cancellation_slot(handler);
    waiter_type* const added = waiter_type::make(std::move(handler), executor_, pool->loop);
    completion_owner<Results...> owned(added);
    if (slot.is_connected())
      slot.assign([weak = std::weak_ptr(pool), what, id = added->id](asio::cancellation_type) {
        if (const auto locked = weak.lock())
          locked->cancel(what, id);
      });
    owned.release();
    start(*pool, *added);
  }

private:
  executor_type executor_;
};

} // namespace subprocess::detail
