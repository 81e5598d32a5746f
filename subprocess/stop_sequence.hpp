#pragma once

#include <csignal>
#include <initializer_list>
#include <utility>
#include <vector>

#include <subprocess/detail/durations.hpp>

namespace subprocess {

/// One thing to try: a signal, and how long it may take to work. 0 sends none: a
/// first step of it is time to end unasked.
struct stop_step {
  int signal;
  std::chrono::nanoseconds grace;

  friend bool operator==(const stop_step&, const stop_step&) = default;
};

/// How to end a child: signals, each with a grace, and in the end always
/// SIGKILL. Plain data.
///
///     stop_sequence{{SIGTERM, 5s}, {SIGINT, 1s}}
///
/// Without steps it is SIGKILL at once.
///
/// Thread safety: distinct objects are safe.
/// \source swift-subprocess's teardown sequences.
struct stop_sequence {
  /// Who gets the signals.
  enum class target {
    child, ///< The child alone.
    group, ///< The process group that the library made for it.
  };

  std::vector<stop_step> steps;
  target whom = target::child;

  stop_sequence() = default;
  /// These steps, and then SIGKILL.
  stop_sequence(std::initializer_list<stop_step> all) : steps(all) {}

  /// SIGTERM, and `grace` to end by itself: what a command has unless told
  /// otherwise.
  static stop_sequence gentle(std::chrono::nanoseconds grace = std::chrono::seconds(5)) { return {{SIGTERM, grace}}; }

  /// The same for the process group; the command has to make one, by
  /// process_group(0) or session_leader().
  ///
  /// When the leader ends, whatever is left of the group is killed, before the
  /// leader is reaped: until then, and no longer, its number stands for the
  /// group. So the leader should be the last to go.
  stop_sequence of_group() const
  {
    stop_sequence changed = *this;
    changed.whom = target::group;
    return changed;
  }

  friend bool operator==(const stop_sequence&, const stop_sequence&) = default;
};

} // namespace subprocess
