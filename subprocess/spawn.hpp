#pragma once

#include <system_error>

#include <subprocess/child.hpp>
#include <subprocess/command.hpp>
#include <subprocess/error.hpp>
#include <subprocess/exit_status.hpp>
#include <subprocess/run_options.hpp>

namespace subprocess {

/// Starts the program. Streams that the command leaves unset are inherited.
///
/// Returns when the child has become the program, or has failed and is reaped.
/// After a failure nothing is left: no descriptor, no zombie.
///
/// \param ec  Set to what went wrong, or cleared. Among others: `EINVAL` a
///            mistake in the command; `ENOENT`, `EACCES` the program (or the
///            directory, or a file for a stream) is not there or closed to us;
///            `EAGAIN`, `ENOMEM` no process to be had; `EMFILE`, `ENFILE` no
///            descriptor to be had; `EPERM` a credential that is not ours to take.
/// \return    The child; empty exactly when `ec` is set.
/// \throws    spawn_error, which names the step; the error_code form does not
///            throw but for std::bad_alloc.
///
/// Thread safety: safe, unless another thread changes the environment.
/// \source    std::process::Command::spawn; fork(2), execve(2).
child spawn(const command& what);
child spawn(const command& what, std::error_code& ec);

/// As above; `failure` tells all that is known, or is cleared.
child spawn(const command& what, spawn_failure& failure);

/// Spawns, and waits for the end. A piped stdin gets end-of-file at once, and at a
/// terminal nobody types (see capture()). What is written to a pipe, a socket or a
/// terminal of ours is read and dropped, until the child has ended: who still holds
/// such a stream then, and writes on, gets SIGPIPE or a hang-up.
///
///     run(command("make"), {.limit = std::chrono::minutes(5)});
///
/// \param ec  As of spawn() and child::wait(); `ETIMEDOUT`: the limit has passed.
/// \return    The status; unknown exactly when `ec` is set.
/// \throws    spawn_error, which names the program and the step.
/// \source    std::process::Command::status.
exit_status run(const command& what, const run_options& options = {});
exit_status run(const command& what, const run_options& options, std::error_code& ec);
exit_status run(const command& what, std::error_code& ec);

/// Replaces this process by the program, with all that the command asks for.
/// Returns only if that failed; descriptors 0 to 2, mapped ones, signal
/// dispositions, directory and the user (on Linux of this thread alone) may have changed
/// by then, and all other descriptors are close-on-exec from then on.
///
/// A stream that is stdio::pipe(), socket() or pty() is `EINVAL`: nobody would hold the other end.
/// \return What went wrong, as of spawn().
/// \source std::os::unix::process::CommandExt::exec.
std::error_code exec(const command& what);

} // namespace subprocess
