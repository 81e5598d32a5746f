#pragma once

// Compiles the event-loop half as a part of the one source file of yours that includes
// it, as <subprocess/src.hpp> does with the core. The folders subprocess/ and
// asio_integration/ have to be in the include path, and so does Asio.

#if !defined(__linux__) || !(defined(__x86_64__) || defined(__aarch64__))
#ifndef SUBPROCESS_POSIX
#define SUBPROCESS_POSIX
#endif
#endif

// Files that meet have names that meet.
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif

#include <asio_integration/detail/asio_internals.cpp>
#include <asio_integration/detail/launch/launch_watch.cpp>
#include <asio_integration/detail/launch/launcher_threads.cpp>
#include <asio_integration/detail/launch/start_child.cpp>
#include <asio_integration/detail/operations/caller.cpp>
#include <asio_integration/detail/operations/change_operation.cpp>
#include <asio_integration/detail/operations/child_operation.cpp>
#include <asio_integration/detail/operations/launch_operation.cpp>
#include <asio_integration/detail/operations/made_operations.cpp>
#include <asio_integration/detail/operations/output_operation.cpp>
#include <asio_integration/detail/operations/pending.cpp>
#include <asio_integration/detail/operations/permit_pool.cpp>
#include <asio_integration/detail/operations/pipeline_operation.cpp>
#include <asio_integration/detail/operations/spawn_operation.cpp>
#include <asio_integration/detail/operations/stop_operation.cpp>
#include <asio_integration/detail/operations/wait_many_operation.cpp>
#include <asio_integration/detail/pool/answer_buffer.cpp>
#include <asio_integration/detail/pool/exchange_operation.cpp>
#include <asio_integration/detail/pool/notify_message.cpp>
#include <asio_integration/detail/pool/pool_actions.cpp>
#include <asio_integration/detail/pool/pool_core.cpp>
#include <asio_integration/detail/pool/pool_lifetime.cpp>
#include <asio_integration/detail/pool/pool_machine.cpp>
#include <asio_integration/detail/pool/pool_notify.cpp>
#include <asio_integration/detail/pool/pool_process.cpp>
#include <asio_integration/detail/pool/pool_restart.cpp>
#include <asio_integration/detail/pool/pool_rollout.cpp>
#include <asio_integration/detail/pool/pool_supervision.cpp>
#include <asio_integration/detail/pool/pool_supervisor.cpp>
#include <asio_integration/detail/pool/restart_policy.cpp>
#include <asio_integration/detail/reaper/change_watch.cpp>
#include <asio_integration/detail/reaper/reap_table.cpp>
#include <asio_integration/detail/reaper/reaper_core.cpp>
#include <asio_integration/detail/reaper/sigchld_source.cpp>
#include <asio_integration/detail/reaper/tracked_child.cpp>
#include <asio_integration/detail/streams/child_pipes.cpp>
#include <asio_integration/detail/streams/line_buffer.cpp>
#include <asio_integration/pool_event.cpp>
#include <asio_integration/reaper.cpp>
#include <asio_integration/spawn.cpp>
#include <asio_integration/spawn_limiter.cpp>
#include <asio_integration/worker_lease.cpp>

#ifndef SUBPROCESS_POSIX
#include <asio_integration/detail/pool/linux/bind_to_program.cpp>
#include <asio_integration/detail/pool/linux/notify_socket.cpp>
#include <asio_integration/detail/reaper/linux/pidfd_source.cpp>
#else
#include <asio_integration/detail/pool/posix/bind_to_program.cpp>
#include <asio_integration/detail/pool/posix/notify_socket.cpp>
#if defined(__APPLE__) || defined(__FreeBSD__) || defined(__NetBSD__)
#include <asio_integration/detail/kqueue/exit_watch.cpp>
#include <asio_integration/detail/kqueue/kqueue_source.cpp>
#else
#include <asio_integration/detail/reaper/sigchld_only/native_source.cpp>
#endif
#endif

#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
