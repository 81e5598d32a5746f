#pragma once

#include <asio_integration/detail/operations/initiate.hpp>
#include <asio_integration/detail/operations/run_operation.hpp>
#include <asio_integration/spawn.hpp>

namespace subprocess {

/// Spawns, and waits for the end. A piped stdin gets end-of-file at once, and at a
/// terminal nobody types (see capture()). What is written to a pipe, a socket or a
/// terminal of ours is read and dropped, until the child has ended.
///
/// Completion signature: `void(std::error_code, exit_status)`. With an error
/// set, the status is unknown.
///
/// Errors: as of async_spawn() and basic_async_child::async_wait().
///
/// Cancellation: terminal kills the child; partial and total end it by its stop
/// sequence, see command::stop_with(). Either way the child is reaped before the
/// handler is called with `operation_aborted`.
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

/// As above, for no longer than `limit`; then the child is ended by its stop
/// sequence and reaped.
///
/// \param limit  A duration, or a time of std::chrono::steady_clock. The spawn
///               counts too, the stopping does not.
///
/// Errors: also `ETIMEDOUT` when the limit has passed, whatever goes wrong then. Of
/// limit and cancellation the first is told.
template <asio::completion_token_for<void(std::error_code, exit_status)> Token>
auto async_run(const asio::any_io_executor& executor, command what, time_limit limit, Token&& token)
{
  return detail::initiate<detail::run_operation, std::error_code, exit_status>(executor, token, std::move(what),
                                                                               detail::supervision_options{limit});
}

template <execution_context_like Context, asio::completion_token_for<void(std::error_code, exit_status)> Token>
auto async_run(Context& context, command what, time_limit limit, Token&& token)
{
  return async_run(asio::any_io_executor(context.get_executor()), std::move(what), limit, std::forward<Token>(token));
}

/// As above; `failure` tells which step of the spawn failed, or is cleared. It has
/// to live until the handler runs, and is written before that.
template <asio::completion_token_for<void(std::error_code, exit_status)> Token>
auto async_run(const asio::any_io_executor& executor, command what, time_limit limit, spawn_failure& failure,
               Token&& token)
{
  return detail::initiate<detail::run_operation, std::error_code, exit_status>(
      executor, token, std::move(what), detail::supervision_options{limit, &failure});
}

} // namespace subprocess
