#pragma once

#include <subprocess/time_limit.hpp>

namespace subprocess {

struct spawn_failure;

/// How to run a program to its end; made for designated initializers:
/// `run(what, {.limit = std::chrono::seconds(2)})`.
///
/// A plain value.
struct run_options {
  /// For how long: a duration, or a time of std::chrono::steady_clock. The spawn
  /// counts. When it has passed, the child is ended by its stop sequence, see
  /// command::stop_with(), and reaped; the error is `ETIMEDOUT`, whatever goes wrong
  /// then. One that may not be signalled is left to end by itself, and is reaped
  /// on the occasion of later spawns.
  time_limit limit = {};

  /// Where to tell all that is known of what went wrong; cleared when nothing did.
  /// Has to live until the call, or the operation, is over.
  spawn_failure* failure = nullptr;
};

} // namespace subprocess
