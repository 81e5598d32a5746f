#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <memory_resource>
#include <system_error>
#include <utility>

#include <asio_integration/async_child.hpp>
#include <asio_integration/detail/operations/completion.hpp>
#include <asio_integration/detail/operations/spawn_operation.hpp>
#include <asio_integration/detail/operations/step_completion.hpp>
#include <asio_integration/detail/operations/stop_operation.hpp>
#include <asio_integration/detail/pool/pool_action.hpp>
#include <asio_integration/detail/pool/worker_link.hpp>
#include <asio_integration/detail/reaper/tracked_child.hpp>
#include <asio_integration/detail/streams/line_buffer.hpp>
#include <subprocess/error.hpp>
#include <subprocess/stop_sequence.hpp>

namespace subprocess::detail {

class pool_supervisor;

/// The process of one worker, and what the supervisor waits for of it: steps under the
/// supervisor's lock. Each keeps this, and by this the supervisor.
struct pool_process : std::enable_shared_from_this<pool_process> {
  pool_process(std::shared_ptr<pool_supervisor> pool, worker_id worker, asio::execution_context& context,
               stop_sequence sequence);

  template <class Step>
  void take_step(Step step);
  std::pmr::memory_resource* memory() const noexcept { return std::pmr::new_delete_resource(); }

  const std::shared_ptr<pool_supervisor> owner;
  const worker_id id;
  const stop_sequence stop;
  const std::shared_ptr<worker_link> link = std::make_shared<worker_link>();

  step_completion<pool_process, completion<std::error_code, async_child>, std::error_code, async_child> spawned;
  step_completion<pool_process, waiter, std::error_code, exit_status> exited;
  step_completion<pool_process, completion<std::error_code, exit_status>, std::error_code, exit_status> stopped;

  std::weak_ptr<spawn_operation> spawning; // They keep themselves, and by their completion this.
  std::weak_ptr<stop_operation> stopping;

  tracked_child tracked; // Empty until it is spawned.
  pid_t main_pid = -1;   // One of its own that it says is the worker.
  spawn_failure failure;
  line_buffer errors;
  bool is_leased = false;
  bool is_stopping = false;
  bool is_gone = false;
  bool is_awaiting_line = false; // Of readiness.
  bool is_watched = false;       // Something waits for what an idle worker writes.
  unsigned watch = 0;            // The number of that wait.
};

} // namespace subprocess::detail
