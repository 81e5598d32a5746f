#pragma once

#include <asio_integration/detail/initiate.hpp>
#include <asio_integration/detail/run_operation.hpp>
#include <asio_integration/spawn.hpp>

namespace subprocess {

/// Spawns, and waits for the end. A piped stdin gets end-of-file at once; what
/// is written to a piped stdout or stderr is lost, see async_capture().
///
/// Completion signature: `void(std::error_code, exit_status)`. With an error
/// set, the status is unknown.
///
/// Errors: as of async_spawn() and basic_async_child::async_wait().
///
/// Cancellation: terminal kills the child; partial and total send SIGTERM, and
/// SIGKILL after 5 s. Either way the child is reaped before the handler is called
/// with `operation_aborted`.
///
/// The handler is never invoked from within this call.
template <asio::completion_token_for<void(std::error_code, exit_status)> Token>
auto async_run(const asio::any_io_executor& executor, command what, Token&& token)
{
  return detail::initiate<detail::run_operation, std::error_code, exit_status>(executor, token, std::move(what));
}

template <execution_context_like Context, asio::completion_token_for<void(std::error_code, exit_status)> Token>
auto async_run(Context& context, command what, Token&& token)
{
  return async_run(asio::any_io_executor(context.get_executor()), std::move(what), std::forward<Token>(token));
}

} // namespace subprocess
