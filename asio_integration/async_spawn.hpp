#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/async_result.hpp>

#include <system_error>
#include <utility>

#include <asio_integration/async_child.hpp>
#include <asio_integration/detail/operations/initiate.hpp>
#include <asio_integration/detail/operations/made_operations.hpp>
#include <asio_integration/event_loop.hpp>
#include <subprocess/command.hpp>

namespace subprocess {

/// Starts the program without holding the loop while the kernel loads it.
/// Streams that the command leaves unset are inherited.
///
/// The environment is read within the call.
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
/// Thread safety: safe from any thread that may use the context, unless another thread
/// changes the environment.
///
/// The handler is never invoked from within this call.
template <asio::completion_token_for<void(std::error_code, async_child)> Token =
              asio::default_completion_token_t<asio::any_io_executor>>
auto async_spawn(event_loop loop, command what,
                 Token&& token = asio::default_completion_token_t<asio::any_io_executor>())
{
  return detail::initiate<detail::make_spawn, std::error_code, async_child>(loop.get_executor(), token, std::move(what),
                                                                            static_cast<spawn_failure*>(nullptr));
}

/// As above; `failure` tells all that is known, or is cleared. It has to live
/// until the handler runs, and is written before that.
template <asio::completion_token_for<void(std::error_code, async_child)> Token =
              asio::default_completion_token_t<asio::any_io_executor>>
auto async_spawn(event_loop loop, command what, spawn_failure& failure,
                 Token&& token = asio::default_completion_token_t<asio::any_io_executor>())
{
  return detail::initiate<detail::make_spawn, std::error_code, async_child>(loop.get_executor(), token, std::move(what),
                                                                            &failure);
}

} // namespace subprocess
