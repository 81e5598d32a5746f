#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

namespace subprocess {

/// What a capture does when a stream exceeds its limit.
enum class overflow {
  fail,      ///< Closes the streams, waits for the child, and fails with `ENOBUFS`;
             ///< a child that writes on gets SIGPIPE.
  truncate,  ///< Keeps the head. Reads on and drops the rest; no error.
  keep_ends, ///< Keeps the head and the tail, half of the limit each. Reads on and
             ///< drops what is between; no error.
  kill,      ///< As fail, and kills the child (SIGKILL).
};

/// How to capture; made for designated initializers:
/// `capture(what, {.input = "data", .limit = 4096})`.
///
/// A plain value.
struct capture_options {
  /// The child's stdin, as of stdio::from_string(). Takes the place of what the
  /// command says of stdin.
  std::optional<std::string> input = std::nullopt;

  /// Whether stderr goes into stdout, in the order it was written. Takes the
  /// place of what the command says of stderr.
  bool merge_stderr = false;

  /// The most that is kept of each stream, in bytes.
  std::size_t limit = std::size_t(64) << 20;

  overflow on_overflow = overflow::fail;

  /// For how long to read on after the child has ended, since others may hold
  /// its streams; what the child wrote itself is never lost. When it has passed, the
  /// output is what came by then, and no error. Not set: to the end of the streams.
  std::optional<std::chrono::nanoseconds> drain_grace = std::nullopt;
};

} // namespace subprocess
