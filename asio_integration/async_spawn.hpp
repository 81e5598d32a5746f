#pragma once

#include <asio_integration/async_child.hpp>
#include <asio_integration/detail/operations/initiate.hpp>
#include <asio_integration/detail/operations/spawn_operation.hpp>
#include <asio_integration/spawn.hpp>

namespace subprocess {

/// Starts the program without holding the loop while the kernel loads it.
/// Streams that the command leaves unset are inherited.
///
/// Files for the streams are opened, and the environment is read, within the
/// call.
///
/// Completion signature: `void(std::error_code, async_child)`. With an error
/// set, the child is empty.
///
/// Errors: as of spawn(); `EAGAIN` when a launcher thread is needed and none can
/// be made; `operation_aborted` after cancellation.
///
/// Cancellation: terminal, partial and total. A child that was made by then is
/// killed and reaped before the handler is called.
///
/// The handler is never invoked from within this call.
template <asio::completion_token_for<void(std::error_code, async_child)> Token>
auto async_spawn(const asio::any_io_executor& executor, command what, Token&& token)
{
  return detail::initiate<detail::spawn_operation, std::error_code, async_child>(executor, token, std::move(what),
                                                                                 detail::stream_defaults::inherit());
}

template <execution_context_like Context, asio::completion_token_for<void(std::error_code, async_child)> Token>
auto async_spawn(Context& context, command what, Token&& token)
{
  return async_spawn(asio::any_io_executor(context.get_executor()), std::move(what), std::forward<Token>(token));
}

/// As above; `failure` tells all that is known, or is cleared. It has to live
/// until the handler runs, and is written before that.
template <asio::completion_token_for<void(std::error_code, async_child)> Token>
auto async_spawn(const asio::any_io_executor& executor, command what, spawn_failure& failure, Token&& token)
{
  return detail::initiate<detail::spawn_operation, std::error_code, async_child>(
      executor, token, std::move(what), detail::stream_defaults::inherit(), detail::spawn_options{&failure});
}

} // namespace subprocess
