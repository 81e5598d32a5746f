#pragma once

#include <optional>
#include <string>

#include <subprocess/detail/durations.hpp>

namespace subprocess {

/// How long something may take: a timeout, a deadline, or for ever.
///
/// A timeout counts from the call that it is given to. Any duration will do;
/// zero or less has passed already.
///
/// Thread safety: distinct objects are safe.
class time_limit {
public:
  using clock = std::chrono::steady_clock;

  /// For ever.
  time_limit() noexcept = default;

  /// So long, from the call that it is given to.
  template <class Rep, class Period>
  time_limit(std::chrono::duration<Rep, Period> timeout)
      : timeout_(std::chrono::duration_cast<clock::duration>(detail::time_from_now(timeout)))
  {
  }

  /// Until then.
  time_limit(clock::time_point deadline) noexcept : deadline_(deadline) {}

  /// Whether there is one.
  explicit operator bool() const noexcept { return timeout_ || deadline_; }

  /// The deadline of something that begins now; empty when it may take for ever.
  std::optional<clock::time_point> deadline_from(clock::time_point now) const noexcept
  {
    if (!timeout_)
      return deadline_;
    return *timeout_ > clock::time_point::max() - now ? clock::time_point::max() : now + *timeout_;
  }

  friend std::string to_string(const time_limit& limit);

private:
  std::optional<clock::duration> timeout_;
  std::optional<clock::time_point> deadline_;
};

/// "300 ms", "2 s", in the largest unit that is exact; "deadline"; "none".
std::string to_string(const time_limit& limit);

} // namespace subprocess
