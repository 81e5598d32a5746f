#pragma once

#include <sys/resource.h>

#include <subprocess/detail/durations.hpp>
#include <subprocess/exit_status.hpp>

namespace subprocess {

/// Everything that is known of a child that has ended.
///
/// A plain value.
struct exit_report {
  exit_status status;

  /// CPU time, memory and faults of the child and of those children of its own
  /// that it waited for.
  /// \source wait4(2), getrusage(2).
  rusage usage{};

  /// From the spawn to the moment the end was noticed: at once on an event loop
  /// and in a wait that blocks, late when nobody looked.
  std::chrono::nanoseconds wall_time{0};

  /// Whether the kernel wrote a core dump.
  bool core_dumped = false;
};

} // namespace subprocess
