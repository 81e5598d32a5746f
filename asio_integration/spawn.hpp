#pragma once

#include <sys/types.h>

#include <system_error>

#include <asio_integration/async_child.hpp>
#include <asio_integration/event_loop.hpp>
#include <subprocess/command.hpp>
#include <subprocess/error.hpp>

namespace subprocess {

/// Starts the program on an event loop. Streams that the command leaves unset
/// are inherited.
///
/// Returns when the child has become the program, or has failed and is reaped:
/// it holds the loop for that long. async_spawn() does not.
///
/// \param loop      Where the child's operations complete.
/// \param ec        As of spawn() without an event loop; also what the context
///                  needs when it spawns its first child: `EMFILE`, `ENFILE`,
///                  `ENOMEM`.
/// \return          The child; empty exactly when `ec` is set.
/// \throws          spawn_error; the error_code form does not throw but for
///                  std::bad_alloc.
///
/// Thread safety: safe, unless another thread changes the environment.
async_child spawn(event_loop loop, const command& what);
async_child spawn(event_loop loop, const command& what, std::error_code& ec);

/// As above; `failure` tells all that is known, or is cleared.
async_child spawn(event_loop loop, const command& what, spawn_failure& failure);

/// Takes over a child of this program that something else has started: fork(2),
/// posix_spawn(3). From now on the event loop reaps it, and nobody else may wait for it.
/// It has no pipes, and destroying the object does not kill it.
/// \param ec  As of child::adopt(); `EMFILE` and its kin as of spawn().
///
/// Thread safety: safe.
async_child adopt(event_loop loop, pid_t pid);
async_child adopt(event_loop loop, pid_t pid, std::error_code& ec);

} // namespace subprocess
