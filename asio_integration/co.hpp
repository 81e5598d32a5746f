#pragma once

#include <asio/awaitable.hpp>

#include <asio_integration/async_child.hpp>
#include <subprocess/capture.hpp>
#include <subprocess/capture_options.hpp>
#include <subprocess/command.hpp>
#include <subprocess/exit_status.hpp>
#include <subprocess/run_options.hpp>

/// Programs in a coroutine of Asio's, without ceremony: on the coroutine's executor, and
/// what goes wrong is an exception that tells the program and the step.
///
///     const captured_output version = co_await subprocess::co::capture(command("git", {"--version"}));
///
/// Each is cancelled as its function with a token is: see async_spawn(), async_run() and
/// async_capture().
namespace subprocess::co {

/// Starts a program, as async_spawn() does.
/// \throws spawn_error
asio::awaitable<async_child> spawn(command what);

/// Runs a program to its end, as async_run() does. How it ended is no error.
/// \throws spawn_error; its code is `ETIMEDOUT` when the limit has passed, and
///         `operation_aborted` after cancellation.
asio::awaitable<exit_status> run(command what, run_options options = {});

/// Runs a program to its end and gives what it wrote, as async_capture() does.
/// \throws capture_error, which has what was read; spawn_error when there was no program.
asio::awaitable<captured_output> capture(command what, capture_options options = {});

} // namespace subprocess::co
