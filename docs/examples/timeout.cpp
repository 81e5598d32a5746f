// A worker that gets a second to end by itself, and is then stopped.

#include <chrono>
#include <exception>
#include <iostream>

#include <asio/co_spawn.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio_integration/asio_integration.hpp>

using namespace asio::experimental::awaitable_operators;
using asio::use_awaitable;

asio::awaitable<subprocess::exit_status> run_for_a_second(subprocess::command what)
{
  const auto executor = co_await asio::this_coro::executor;
  subprocess::async_child worker = subprocess::spawn(executor, what);

  asio::steady_timer limit(executor, std::chrono::seconds(1));
  const auto first = co_await (worker.async_wait(use_awaitable) || limit.async_wait(use_awaitable));
  if (first.index() == 0)
    co_return std::get<0>(first);
  // The wait was cancelled; the worker runs on, and can be waited for again.
  co_return co_await worker.async_stop(std::chrono::seconds(1), use_awaitable);
}

int main()
{
  asio::io_context loop;
  subprocess::exit_status ended;
  asio::co_spawn(loop, run_for_a_second(subprocess::command("sleep", {"1000"})),
                 [&](const std::exception_ptr& failure, subprocess::exit_status status) {
                   if (failure)
                     std::rethrow_exception(failure);
                   ended = status;
                 });
  loop.run();
  std::cout << ended << '\n'; // signal: 15 (SIGTERM)
  return ended.signal() ? 0 : 1;
}
