// Keeps a program running: when it ends it is started again, later each time; until SIGTERM.
#include <asio.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio_integration/asio_integration.hpp>
#include <iostream>

using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;

asio::awaitable<void> supervise(asio::io_context& loop, subprocess::command what)
{
  std::error_code ec; // It cannot be started; or we were told to stop, and it is reaped.
  for (auto pause = 100ms; !ec; pause = std::min(2 * pause, 30'000ms)) {
    const auto started = std::chrono::steady_clock::now();
    const auto status = co_await async_run(loop, what, asio::redirect_error(asio::use_awaitable, ec));
    std::cout << (ec ? ec.message() : to_string(status)) << std::endl;
    if (std::chrono::steady_clock::now() - started > 10s)
      pause = 100ms; // It was well for a while.
    co_await asio::steady_timer(loop, pause).async_wait(asio::use_awaitable);
  }
}

int main(int, char** argv)
{
  asio::io_context loop;
  asio::signal_set stop(loop, SIGTERM);
  co_spawn(loop, supervise(loop, subprocess::shell(argv[1])) || stop.async_wait(asio::use_awaitable), asio::detached);
  loop.run();
}
