#pragma once

#include <cstddef>
#include <cstdint>
#include <system_error>
#include <variant>
#include <vector>

#include <asio_integration/detail/pool/restart_policy.hpp>
#include <asio_integration/pool_event.hpp>

namespace subprocess::detail {

/// A worker of a pool: its place, and its number, which no other one ever has.
struct worker_id {
  std::size_t slot = 0;
  std::uint64_t number = 0;

  friend bool operator==(const worker_id&, const worker_id&) = default;
};

/// Who asked: a number that the caller of the machine makes, unique for its kind.
using asker_id = std::uint64_t;

// What the machine wants done. Each is done in full before the next.

/// Starts a worker by the command of that generation; answered by spawned() or
/// spawn_failed().
struct spawn_worker {
  worker_id worker;
  unsigned generation = 0;
  friend bool operator==(const spawn_worker&, const spawn_worker&) = default;
};

/// Gives up a start; still answered by spawned() or spawn_failed().
struct cancel_spawn {
  worker_id worker;
  friend bool operator==(const cancel_spawn&, const cancel_spawn&) = default;
};

/// Begins the worker's stop sequence; answered by ended() or stop_failed().
struct stop_worker {
  worker_id worker;
  friend bool operator==(const stop_worker&, const stop_worker&) = default;
};

/// SIGKILL, whether or not a stop sequence has begun; answered as that.
struct kill_worker {
  worker_id worker;
  friend bool operator==(const kill_worker&, const kill_worker&) = default;
};

/// Completes an async_acquire with a lease of the worker.
struct hand_out {
  asker_id asker = 0;
  worker_id worker;
  friend bool operator==(const hand_out&, const hand_out&) = default;
};

/// Completes an async_acquire with an error.
struct refuse {
  asker_id asker = 0;
  std::error_code error;
  friend bool operator==(const refuse&, const refuse&) = default;
};

/// Completes an async_wait_ready.
struct finish_wait {
  asker_id asker = 0;
  std::error_code error;
  friend bool operator==(const finish_wait&, const finish_wait&) = default;
};

/// Completes an async_replace. With an error its command is needed no more;
/// without one, the earlier commands are not.
struct finish_replace {
  asker_id asker = 0;
  std::error_code error;
  friend bool operator==(const finish_replace&, const finish_replace&) = default;
};

/// Completes async_run. It is the last.
struct finish_run {
  std::error_code error;
  friend bool operator==(const finish_run&, const finish_run&) = default;
};

/// Sets the pool's one timer, in place of when it was set to; answered by
/// timer_expired().
struct arm_timer {
  pool_time at;
  friend bool operator==(const arm_timer&, const arm_timer&) = default;
};

struct disarm_timer {
  friend bool operator==(const disarm_timer&, const disarm_timer&) = default;
};

/// Gives the event to who wants to hear it. It has no time yet.
struct tell {
  pool_event event;
  friend bool operator==(const tell&, const tell&) = default;
};

using pool_action = std::variant<spawn_worker, cancel_spawn, stop_worker, kill_worker, hand_out, refuse, finish_wait,
                                 finish_replace, finish_run, arm_timer, disarm_timer, tell>;
using pool_actions = std::vector<pool_action>;

} // namespace subprocess::detail
