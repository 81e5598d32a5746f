#pragma once

#include <algorithm>
#include <chrono>
#include <climits>

namespace subprocess::detail {

/// A limit of many years does not overflow the clock.
inline std::chrono::steady_clock::time_point deadline_after(std::chrono::nanoseconds limit) noexcept
{
  using clock = std::chrono::steady_clock;
  const auto now = clock::now();
  return limit > clock::time_point::max() - now ? clock::time_point::max() : now + limit;
}

/// For poll(): rounded up, so that it does not wake too early to be of use.
inline int poll_timeout(std::chrono::nanoseconds left) noexcept
{
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::clamp<decltype(ms)>(ms, 0, INT_MAX));
}

} // namespace subprocess::detail
