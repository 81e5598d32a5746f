#include <asio_integration/co.hpp>

#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include <system_error>
#include <utility>

#include <asio_integration/async_capture.hpp>
#include <asio_integration/async_run.hpp>
#include <asio_integration/async_spawn.hpp>
#include <subprocess/error.hpp>

// g++ 12 sees the operator new of a coroutine's frame inlined, and not that its operator
// delete is Asio's too.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

namespace subprocess::co {

asio::awaitable<async_child> spawn(command what)
{
  const auto executor = co_await asio::this_coro::executor;
  spawn_failure failure;
  std::error_code ec;
  async_child started =
      co_await async_spawn(executor, std::move(what), failure, asio::redirect_error(asio::use_awaitable, ec));
  if (ec)
    throw spawn_error(std::move(failure));
  co_return started;
}

asio::awaitable<exit_status> run(command what, run_options options)
{
  const auto executor = co_await asio::this_coro::executor;
  spawn_failure own;
  if (!options.failure)
    options.failure = &own;
  std::error_code ec;
  const exit_status status =
      co_await async_run(executor, std::move(what), options, asio::redirect_error(asio::use_awaitable, ec));
  if (ec)
    throw spawn_error(*options.failure);
  co_return status;
}

asio::awaitable<captured_output> capture(command what, capture_options options)
{
  const auto executor = co_await asio::this_coro::executor;
  spawn_failure own;
  if (!options.failure)
    options.failure = &own;
  const spawn_failure& failure = *options.failure;
  std::error_code ec;
  captured_output output =
      co_await async_capture(executor, std::move(what), options, asio::redirect_error(asio::use_awaitable, ec));
  if (!ec)
    co_return output;
  if (failure.step < spawn_step::output)
    throw spawn_error(failure);
  throw capture_error(failure, std::move(output));
}

} // namespace subprocess::co
