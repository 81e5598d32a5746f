#pragma once

#include <chrono>
#include <cstddef>
#include <deque>

#include <asio_integration/worker_pool_options.hpp>

namespace subprocess::detail {

using pool_time = std::chrono::steady_clock::time_point;

/// What never comes: such a deadline is not kept.
constexpr pool_time never = pool_time::max();

/// A point of time from now on, without overflow.
pool_time later(pool_time now, std::chrono::nanoseconds wait) noexcept;

/// How long to wait after so many deaths in a row, of one slot.
///
/// \param deaths  At least 1.
/// \param random  From 0 up to, and without, 1.
std::chrono::nanoseconds delay_after(const backoff& how, unsigned deaths, double random) noexcept;

/// After how many leases a worker is recycled; 0 when it is not.
///
/// \param random  From 0 up to, and without, 1.
std::size_t uses_allowed(const recycling& when, double random) noexcept;

/// The deaths that are not forgotten yet.
class recent_deaths {
public:
  /// Adds one, and forgets those that are as old as `within`.
  /// \return How many there are, with this one.
  std::size_t add(pool_time now, std::chrono::nanoseconds within);

private:
  std::deque<pool_time> times_;
};

} // namespace subprocess::detail
