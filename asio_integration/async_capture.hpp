#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/async_result.hpp>

#include <system_error>
#include <utility>

#include <asio_integration/detail/operations/initiate.hpp>
#include <asio_integration/detail/operations/made_operations.hpp>
#include <asio_integration/event_loop.hpp>
#include <subprocess/capture.hpp>
#include <subprocess/command.hpp>

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
/// reading; `ETIMEDOUT` when the limit has passed; `ENOBUFS` when a stream exceeded
/// `max_bytes`. Of limit and cancellation the first is told. A token that throws
/// errors, such as use_awaitable, loses the output with it: asio::as_tuple keeps
/// both.
///
/// What capture_options::on_output throws leaves the loop's run(), and ends the operation
/// as two cancellations do.
///
/// Cancellation: as of async_run(). The output read so far is delivered.
///
/// Thread safety: safe from any thread that may use the context, unless another thread
/// changes the environment.
///
/// The handler is never invoked from within this call.
template <asio::completion_token_for<void(std::error_code, captured_output)> Token =
              asio::default_completion_token_t<asio::any_io_executor>>
auto async_capture(event_loop loop, command what, capture_options options,
                   Token&& token = asio::default_completion_token_t<asio::any_io_executor>())
{
  return detail::initiate<detail::make_capture, std::error_code, captured_output>(loop.get_executor(), token,
                                                                                  std::move(what), std::move(options));
}

template <asio::completion_token_for<void(std::error_code, captured_output)> Token =
              asio::default_completion_token_t<asio::any_io_executor>>
auto async_capture(event_loop loop, command what,
                   Token&& token = asio::default_completion_token_t<asio::any_io_executor>())
{
  return async_capture(std::move(loop), std::move(what), capture_options(), std::forward<Token>(token));
}

} // namespace subprocess
