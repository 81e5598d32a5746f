#pragma once

#include <poll.h>

#include <chrono>
#include <string>
#include <string_view>

namespace subprocess::tests {

/// How long a test waits for something that should come soon. Only a test that
/// fails ever waits so long.
inline constexpr std::chrono::seconds patience{60};

/// A point in time after which a test gives up.
class deadline {
public:
  explicit deadline(std::chrono::nanoseconds limit = patience) : end_(std::chrono::steady_clock::now() + limit) {}

  bool passed() const { return std::chrono::steady_clock::now() >= end_; }

  /// For poll(); never negative.
  int milliseconds_left() const;

private:
  std::chrono::steady_clock::time_point end_;
};

/// Whether `condition` comes true in time; for what no descriptor tells of.
template <class Condition>
bool eventually(Condition condition, std::chrono::nanoseconds limit = patience)
{
  const deadline end(limit);
  while (!condition()) {
    if (end.passed())
      return false;
    ::poll(nullptr, 0, 1);
  }
  return true;
}

/// Whether `attempt` succeeds with some time limit, given one that doubles: how long
/// a program takes until it does its part depends on the machine.
template <class Attempt>
bool given_enough_time(std::chrono::milliseconds first, Attempt attempt)
{
  for (std::chrono::milliseconds limit = first; limit < patience; limit *= 2)
    if (attempt(limit))
      return true;
  return false;
}

/// How many rounds a test of many takes: `usual`, times the environment's
/// SUBPROCESS_TEST_ROUNDS: 10 for a longer run, .1 for a slow machine.
int rounds(int usual);

/// Whether `fd` has something to read, or its end, in time.
bool becomes_readable(int fd, std::chrono::nanoseconds limit = patience);

// Both fail the test when time runs out, and return what there is.

/// Everything up to the end.
std::string read_all(int fd);

/// The next line, without its newline; takes nothing beyond it.
std::string read_line(int fd);

/// Writes the whole text; fails the test when it cannot.
void write_all(int fd, std::string_view text);

} // namespace subprocess::tests
