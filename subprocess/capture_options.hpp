#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <subprocess/callback.hpp>
#include <subprocess/detail/durations.hpp>
#include <subprocess/output_line.hpp>
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

  /// Sees what is captured as it comes, to print and to keep, or to look for something:
  /// which stream, and its next piece, cut anywhere. It sees all that is read, also what
  /// `max_bytes` drops, each stream in order, and the last of it before the capture is
  /// over. While it is busy nothing is read of that stream, and a child that writes on
  /// waits.
  ///
  /// Called in the calling thread; of an asynchronous capture by a thread that runs the
  /// loop, not on the handler's executor (async_communicate() does that), one call at a
  /// time, for all stages of a pipeline too. It may cancel the operation.
  ///
  /// What it throws ends the capture, and it is not called again. The child is killed and
  /// reaped, and the exception leaves capture(), with an error_code too. Of an
  /// asynchronous capture it leaves the loop's run(), as a handler's exception does; when
  /// the child, killed, is reaped, the operation completes with `operation_aborted`. The
  /// child of async_communicate() runs on.
  callback<void(output_stream, std::string_view)> on_output = {};

  /// As of run_options::failure.
  spawn_failure* failure = nullptr;
};

} // namespace subprocess
