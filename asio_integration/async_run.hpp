#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/async_result.hpp>

#include <system_error>
#include <utility>

#include <asio_integration/detail/operations/initiate.hpp>
#include <asio_integration/detail/operations/made_operations.hpp>
#include <asio_integration/event_loop.hpp>
#include <subprocess/command.hpp>
#include <subprocess/run_options.hpp>

namespace subprocess {

/// Spawns, and waits for the end. A piped stdin gets end-of-file at once, and at a
/// terminal nobody types (see capture()). What is written to a pipe, a socket or a
/// terminal of ours is read and dropped, until the child has ended.
///
///     async_run(io, command("make"), {.limit = std::chrono::minutes(5)}, token);
///
/// \param options  A time limit, and where to tell what failed. The limit counts from
///                 this call: the spawn counts too, the stopping does not.
///
/// Completion signature: `void(std::error_code, exit_status)`. With an error
/// set, the status is unknown.
///
/// Errors: as of async_spawn() and basic_async_child::async_wait(); `ETIMEDOUT` when the
/// limit has passed, whatever goes wrong then; `ENOMEM`. Of limit and cancellation the
/// first is told.
///
/// Cancellation: terminal, partial and total end the child by its stop sequence, see
/// command::stop_with(); cancelled again, it is killed at once. The child is reaped
/// before the handler is called with `operation_aborted`. One that may not be signalled
/// (a set-user-ID program) is left to end by itself, and reaped in the background.
///
/// Thread safety: safe from any thread that may use the context, unless another thread
/// changes the environment.
///
/// The handler is never invoked from within this call.
template <asio::completion_token_for<void(std::error_code, exit_status)> Token =
              asio::default_completion_token_t<asio::any_io_executor>>
auto async_run(event_loop loop, command what, run_options options,
               Token&& token = asio::default_completion_token_t<asio::any_io_executor>())
{
  return detail::initiate<detail::make_run, std::error_code, exit_status>(loop.get_executor(), token, std::move(what),
                                                                          options);
}

template <asio::completion_token_for<void(std::error_code, exit_status)> Token =
              asio::default_completion_token_t<asio::any_io_executor>>
auto async_run(event_loop loop, command what, Token&& token = asio::default_completion_token_t<asio::any_io_executor>())
{
  return async_run(std::move(loop), std::move(what), run_options(), std::forward<Token>(token));
}

} // namespace subprocess
