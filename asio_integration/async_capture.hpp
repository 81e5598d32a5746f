#pragma once

#include <asio_integration/detail/operations/capture_operation.hpp>
#include <asio_integration/detail/operations/initiate.hpp>
#include <asio_integration/spawn.hpp>

namespace subprocess {

/// Spawns, reads both streams to their end, and waits.
///
/// What the command sets explicitly wins; unset stdin is null, unset stdout and
/// stderr are pipes. A piped stdin gets end-of-file at once. The end of a stream
/// comes when everyone who holds it has closed it, a grandchild too, unless
/// capture_options::drain_grace says otherwise. Of each stream no more than 64
/// MiB are taken unless capture_options::max_bytes says otherwise. Terminals are as of
/// capture(): what is written there is read, and nobody types.
///
/// Completion signature: `void(std::error_code, captured_output)`. With an error
/// set, the output is what was read by then.
///
/// Errors: as of async_spawn() and basic_async_child::async_wait(), and those of
/// reading; `ENOBUFS` when a stream exceeded `max_bytes`. A token that throws
/// errors, such as use_awaitable, loses the output with it: asio::as_tuple keeps
/// both.
///
/// Cancellation: as of async_run(). The output read so far is delivered.
///
/// The handler is never invoked from within this call.
template <asio::completion_token_for<void(std::error_code, captured_output)> Token>
auto async_capture(const asio::any_io_executor& executor, command what, capture_options options, Token&& token)
{
  return detail::initiate<detail::capture_operation, std::error_code, captured_output>(executor, token, std::move(what),
                                                                                       std::move(options));
}

template <asio::completion_token_for<void(std::error_code, captured_output)> Token>
auto async_capture(const asio::any_io_executor& executor, command what, Token&& token)
{
  return async_capture(executor, std::move(what), capture_options(), std::forward<Token>(token));
}

template <execution_context_like Context, asio::completion_token_for<void(std::error_code, captured_output)> Token>
auto async_capture(Context& context, command what, capture_options options, Token&& token)
{
  return async_capture(asio::any_io_executor(context.get_executor()), std::move(what), std::move(options),
                       std::forward<Token>(token));
}

template <execution_context_like Context, asio::completion_token_for<void(std::error_code, captured_output)> Token>
auto async_capture(Context& context, command what, Token&& token)
{
  return async_capture(asio::any_io_executor(context.get_executor()), std::move(what), std::forward<Token>(token));
}

/// As above, for no longer than `limit`; then the child is ended by its stop
/// sequence and reaped, and the output read so far is delivered.
///
/// \param limit    A duration, or a time of std::chrono::steady_clock. The spawn
///                 counts too, the stopping does not.
/// \param failure  Tells which step of the spawn failed, or is cleared. It has to
///                 live until the handler runs, and is written before that.
///
/// Errors: also `ETIMEDOUT` when the limit has passed. Of limit and cancellation
/// the first is told.
template <asio::completion_token_for<void(std::error_code, captured_output)> Token>
auto async_capture(const asio::any_io_executor& executor, command what, capture_options options, time_limit limit,
                   spawn_failure& failure, Token&& token)
{
  return detail::initiate<detail::capture_operation, std::error_code, captured_output>(
      executor, token, std::move(what), std::move(options), detail::supervision_options{limit, &failure});
}

template <asio::completion_token_for<void(std::error_code, captured_output)> Token>
auto async_capture(const asio::any_io_executor& executor, command what, capture_options options, time_limit limit,
                   Token&& token)
{
  return detail::initiate<detail::capture_operation, std::error_code, captured_output>(
      executor, token, std::move(what), std::move(options), detail::supervision_options{limit});
}

template <execution_context_like Context, asio::completion_token_for<void(std::error_code, captured_output)> Token>
auto async_capture(Context& context, command what, capture_options options, time_limit limit, Token&& token)
{
  return async_capture(asio::any_io_executor(context.get_executor()), std::move(what), std::move(options), limit,
                       std::forward<Token>(token));
}

} // namespace subprocess
