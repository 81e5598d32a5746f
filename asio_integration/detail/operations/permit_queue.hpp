#pragma once

#include <cstddef>
#include <cstdint>
#include <system_error>
#include <utility>

#include <asio_integration/detail/operations/pending.hpp>
#include <asio_integration/spawn_permit.hpp>

namespace subprocess::detail {

using permit_waiter = pending<std::error_code, spawn_permit>;
using permit_waiters = pending_list<std::error_code, spawn_permit>;

/// Decides who gets a permit of a limiter: so many are out at a time, and who waits gets
/// the next in order of asking. It completes nobody, and has no lock and no event loop.
class permit_queue {
public:
  explicit permit_queue(std::size_t most) noexcept : most_(most) {}

  std::size_t most() const noexcept { return most_; }
  std::size_t in_flight() const noexcept { return in_flight_; }

  /// \return True: the permit is out, and the waiter stays the caller's. Else it waits.
  bool take(permit_waiter& asking) noexcept
  {
    if (in_flight_ >= most_) {
      waiters_.push(asking);
      return false;
    }
    ++in_flight_;
    return true;
  }

  /// One permit is back.
  /// \return Who has it now; null when it is free. Handed on, it stays in flight: who
  ///         comes later cannot take it.
  permit_waiter* give_back() noexcept
  {
    permit_waiter* const next = waiters_.pop();
    if (!next)
      --in_flight_;
    return next;
  }

  /// Takes out somebody who waits; null when it does not any more.
  permit_waiter* leave(std::uint64_t waiter_id) noexcept { return waiters_.remove(waiter_id); }

  /// Takes out all of them.
  permit_waiters leave_all() noexcept { return std::exchange(waiters_, {}); }

private:
  const std::size_t most_;
  std::size_t in_flight_ = 0;
  permit_waiters waiters_; // None while a permit is free.
};

} // namespace subprocess::detail
