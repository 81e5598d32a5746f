#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <system_error>

#include <subprocess/exit_status.hpp>

namespace subprocess {

/// What a pool has to tell of its supervision. Leases are not told of.
enum class pool_event_kind {
  starting,       ///< A worker has been started.
  spawn_failed,   ///< One could not be started: `error`.
  ready,          ///< It can be leased.
  reloading,      ///< It says so (RELOADING=1).
  says,           ///< It says how it stands (STATUS=): `text`.
  stopping,       ///< The pool ends it: `reason`.
  ended,          ///< It has ended, as it was told to: `status`.
  died,           ///< It has ended, and nobody had told it to: `status`.
  backing_off,    ///< The slot waits before the next start: `delay`.
  replaced,       ///< An async_replace() has gone through.
  replace_failed, ///< The new worker failed, and the old ones stay: `error`.
  gave_up,        ///< The pool ends, by `error`.
  output,         ///< A line that the worker wrote to stderr: `text`.
};

/// Why a pool ends a worker.
enum class stop_reason {
  none,
  not_ready,   ///< It was not ready in time.
  lease_limit, ///< A lease took longer than it may.
  watchdog,    ///< It has not given a sign of life in time.
  protocol,    ///< It wrote before it was asked, too much, or half an answer.
  left,        ///< It says that it ends (STOPPING=1).
  dropped,     ///< Its lease was dropped without done().
  uses,        ///< It was leased as often as it may be.
  age,         ///< It has been ready for as long as it may be.
  peak_rss,    ///< It took more memory than it may.
  resized,     ///< The pool is to be smaller.
  replaced,    ///< A new one has its place.
  withdrawn,   ///< It was a new one, and its async_replace() was cancelled.
  pool_ends,
};

/// "lease_limit", "backing_off": as the enumerator is written.
std::string_view to_string(pool_event_kind kind) noexcept;
std::string_view to_string(stop_reason reason) noexcept;

/// One thing that happened in a pool. Plain data.
struct pool_event {
  pool_event_kind kind = pool_event_kind::starting;

  /// When, by the wall clock: for a log, not for measuring.
  std::chrono::system_clock::time_point time{};

  std::size_t slot = 0;     ///< The worker's place in the pool, from 0.
  std::uint64_t worker = 0; ///< Workers of a pool are numbered from 1; 0 when it is about no worker.
  pid_t pid = -1;           ///< -1 when there is no process.
  exit_status status{};     ///< Of `ended` and `died`.
  std::error_code error{};  ///< Why something failed.
  stop_reason reason = stop_reason::none;
  std::chrono::nanoseconds delay{0};
  std::string text{};

  friend bool operator==(const pool_event&, const pool_event&) = default;
};

/// One line without the time: `worker 7 (slot 2, pid 4711): died: signal: 9 (SIGKILL)`,
/// `slot 2: backing off for 1600 ms`, `pool: gave up: No such file or directory`.
/// Control characters of a worker's text are escaped as `\x1b`.
std::string to_string(const pool_event& event);

std::ostream& operator<<(std::ostream& out, const pool_event& event);

} // namespace subprocess
