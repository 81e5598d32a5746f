#include <asio_integration/detail/pool/restart_policy.hpp>

#include <algorithm>
#include <cmath>

namespace subprocess::detail {

pool_time later(pool_time now, std::chrono::nanoseconds wait) noexcept
{
  if (wait.count() <= 0)
    return now;
  // Before the epoch of the clock the difference itself would overflow.
  if (now.time_since_epoch().count() > 0 && wait > never - now)
    return never;
  return now + wait;
}

std::chrono::nanoseconds delay_after(const backoff& how, unsigned deaths, double random) noexcept
{
  const double first = static_cast<double>(std::max<std::chrono::nanoseconds::rep>(how.first.count(), 0));
  const double most = static_cast<double>(std::max<std::chrono::nanoseconds::rep>(how.most.count(), 0));
  const double factor = how.factor > 1 ? how.factor : 1; // Not a number is none either.
  const double grown = first > 0 ? first * std::pow(factor, static_cast<double>(deaths - 1)) : 0; // Not 0 · ∞.
  const double delay = std::min(grown, most);
  const double jitter = how.jitter > 0 ? std::min(how.jitter, 1.) : 0;
  const double chosen = delay * (1 - jitter * random);
  // The greatest duration is no double, and the next one above is no duration.
  if (chosen >= static_cast<double>(std::chrono::nanoseconds::max().count()))
    return std::chrono::nanoseconds::max();
  return std::chrono::nanoseconds(static_cast<std::chrono::nanoseconds::rep>(chosen));
}

std::size_t uses_allowed(const recycling& when, double random) noexcept
{
  if (when.uses == 0)
    return 0;
  const double share = random * (static_cast<double>(when.jitter) + 1);
  const std::size_t more = share < static_cast<double>(when.jitter) ? static_cast<std::size_t>(share) : when.jitter;
  return more > SIZE_MAX - when.uses ? SIZE_MAX : when.uses + more;
}

std::size_t recent_deaths::add(pool_time now, std::chrono::nanoseconds within)
{
  while (!times_.empty() && now - times_.front() >= within)
    times_.pop_front();
  times_.push_back(now);
  return times_.size();
}

} // namespace subprocess::detail
