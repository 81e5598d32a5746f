#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include <system_error>
#include <utility>

#include <asio_integration/async_capture.hpp>
#include <asio_integration/async_child.hpp>
#include <asio_integration/async_run.hpp>
#include <asio_integration/async_spawn.hpp>
#include <subprocess/capture.hpp>
#include <subprocess/capture_options.hpp>
#include <subprocess/command.hpp>
#include <subprocess/error.hpp>
#include <subprocess/exit_status.hpp>
#include <subprocess/run_options.hpp>

/// Programs in a coroutine of Asio's, without ceremony: on the coroutine's executor, and
/// what goes wrong is an exception that tells the program and the step.
///
///     const captured_output version = co_await subprocess::co::capture(command("git", {"--version"}));
///
/// Each is cancelled as its function with a token is: see async_spawn(), async_run() and
/// async_capture(). In a coroutine that is an `asio::awaitable<T, Executor>`, they are
/// called with that type: `co::run<Executor>(what)`.
namespace subprocess::co {

// g++ 12 sees the operator new of a coroutine's frame inlined, and not that its operator
// delete is Asio's too.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

// They are compiled with the program that uses them: where Asio gets the memory of a
// coroutine, and to where it returns it, depends on what was included before Asio, and
// each may be done in another place.

/// Starts a program, as async_spawn() does.
/// \throws spawn_error
template <class Executor = asio::any_io_executor>
asio::awaitable<async_child, Executor> spawn(command what)
{
  const Executor executor = co_await asio::this_coro::executor;
  spawn_failure failure;
  std::error_code ec;
  async_child started = co_await async_spawn(executor, std::move(what), failure,
                                             asio::redirect_error(asio::use_awaitable_t<Executor>(), ec));
  if (ec)
    throw spawn_error(std::move(failure));
  co_return started;
}

/// Runs a program to its end, as async_run() does. How it ended is no error.
/// \throws spawn_error; its code is `ETIMEDOUT` when the limit has passed, and
///         `operation_aborted` after cancellation.
template <class Executor = asio::any_io_executor>
asio::awaitable<exit_status, Executor> run(command what, run_options options = {})
{
  const Executor executor = co_await asio::this_coro::executor;
  spawn_failure own;
  if (!options.failure)
    options.failure = &own;
  std::error_code ec;
  const exit_status status = co_await async_run(executor, std::move(what), options,
                                                asio::redirect_error(asio::use_awaitable_t<Executor>(), ec));
  if (ec)
    throw spawn_error(*options.failure);
  co_return status;
}

/// Runs a program to its end and gives what it wrote, as async_capture() does.
/// \throws capture_error, which has what was read; spawn_error when there was no program.
template <class Executor = asio::any_io_executor>
asio::awaitable<captured_output, Executor> capture(command what, capture_options options = {})
{
  const Executor executor = co_await asio::this_coro::executor;
  spawn_failure own;
  if (!options.failure)
    options.failure = &own;
  const spawn_failure& failure = *options.failure;
  std::error_code ec;
  captured_output output = co_await async_capture(executor, std::move(what), options,
                                                  asio::redirect_error(asio::use_awaitable_t<Executor>(), ec));
  if (!ec)
    co_return output;
  if (failure.step < spawn_step::output)
    throw spawn_error(failure);
  throw capture_error(failure, std::move(output));
}

#pragma GCC diagnostic pop

} // namespace subprocess::co
