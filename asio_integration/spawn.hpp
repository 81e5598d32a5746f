#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/execution_context.hpp>

#include <concepts>
#include <system_error>

#include <asio_integration/async_child.hpp>
#include <subprocess/command.hpp>
#include <subprocess/error.hpp>

namespace subprocess {

/// An execution context, whose executor stands for it.
template <class Context>
concept execution_context_like =
    std::derived_from<Context, asio::execution_context> && requires(Context& context) { context.get_executor(); };

/// Starts the program on an event loop. Streams that the command leaves unset
/// are inherited.
///
/// Returns when the child has become the program, or has failed and is reaped:
/// it holds the loop for that long. async_spawn() does not.
///
/// \param executor  Where the child's operations complete; an execution context
///                  stands for its executor.
/// \param ec        As of spawn() without an event loop; also what the context
///                  needs when it spawns its first child: `EMFILE`, `ENFILE`,
///                  `ENOMEM`.
/// \return          The child; empty exactly when `ec` is set.
/// \throws          spawn_error; the error_code form does not throw but for
///                  std::bad_alloc.
/// Thread safety: safe, unless another thread changes the environment.
async_child spawn(const asio::any_io_executor& executor, const command& what);
async_child spawn(const asio::any_io_executor& executor, const command& what, std::error_code& ec);

/// As above; `failure` tells all that is known, or is cleared.
async_child spawn(const asio::any_io_executor& executor, const command& what, spawn_failure& failure);

template <execution_context_like Context>
async_child spawn(Context& context, const command& what)
{
  return spawn(asio::any_io_executor(context.get_executor()), what);
}
template <execution_context_like Context>
async_child spawn(Context& context, const command& what, std::error_code& ec)
{
  return spawn(asio::any_io_executor(context.get_executor()), what, ec);
}
template <execution_context_like Context>
async_child spawn(Context& context, const command& what, spawn_failure& failure)
{
  return spawn(asio::any_io_executor(context.get_executor()), what, failure);
}

} // namespace subprocess
