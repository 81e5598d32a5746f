#pragma once

// The durations and clocks of std::chrono. <chrono> itself has calendars, time zones and
// streams too since C++20, and takes a compiler longer than all else that a program needs
// to run a command. What <mutex> declares takes durations, and libstdc++ (12 and 16 were
// looked at) defines these and the clocks there, without the rest.
#include <version>

#ifdef __GLIBCXX__
#include <mutex>
#else
#include <chrono>
#endif

namespace subprocess::detail {

/// How long that is from now on: nothing when it has passed already or is no number, and no
/// longer than a clock can count. A century must not overflow nanoseconds.
template <class Rep, class Period>
constexpr std::chrono::nanoseconds time_from_now(std::chrono::duration<Rep, Period> time)
{
  constexpr std::chrono::nanoseconds most = std::chrono::nanoseconds::max() / 2;
  using seconds = std::chrono::duration<double>;
  if (!(time > time.zero()))
    return std::chrono::nanoseconds::zero();
  return seconds(time) > seconds(most) ? most : std::chrono::duration_cast<std::chrono::nanoseconds>(time);
}

} // namespace subprocess::detail
