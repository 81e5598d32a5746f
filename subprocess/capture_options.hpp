#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include <subprocess/time_limit.hpp>

namespace subprocess {

struct spawn_failure;

/// What a capture does when a stream exceeds its `max_bytes`.
enum class overflow {
  fail,      ///< Closes the streams, waits for the child, and fails with `ENOBUFS`;
             ///< a child that writes on gets SIGPIPE.
  truncate,  ///< Keeps the head. Reads on and drops the rest; no error.
  keep_ends, ///< Keeps the head and the tail, half of it each. Reads on and
             ///< drops what is between; no error.
  kill,      ///< As fail, and kills the child (SIGKILL).
};

/// How to capture; made for designated initializers:
/// `capture(what, {.input = "data", .limit = std::chrono::seconds(2)})`.
///
/// A plain value.
struct capture_options {
  /// The child's stdin, as of stdio::from_string(). Takes the place of what the
  /// command says of stdin.
  std::optional<std::string> input = std::nullopt;

  /// Whether stderr goes into stdout, in the order it was written. Takes the
  /// place of what the command says of stderr.
  bool merge_stderr = false;

  /// For how long, as of run_options::limit: until the child and its streams have
  /// come to their end. What was read by then is not lost.
  time_limit limit = {};

  /// The most that is kept of each stream, in bytes.
  std::size_t max_bytes = std::size_t(64) << 20;

  overflow on_overflow = overflow::fail;

  /// For how long to read on after the child has ended, since others may hold
  /// its streams; what the child wrote itself is never lost. When it has passed, the
  /// output is what came by then, and no error. Not set: to the end of the streams.
  std::optional<std::chrono::nanoseconds> drain_grace = std::nullopt;

  /// As of run_options::failure.
  spawn_failure* failure = nullptr;
};

} // namespace subprocess
