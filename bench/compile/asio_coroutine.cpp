// What a program without children that uses a coroutine costs: the least that the
// README's example can.
#include <asio.hpp>
#include <chrono>
#include <iostream>

asio::awaitable<void> wait_and_tell()
{
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(1));
  co_await timer.async_wait(asio::use_awaitable);
  std::cout << "waited\n";
}

int main()
{
  asio::io_context loop;
  asio::co_spawn(loop, wait_and_tell(), asio::detached);
  loop.run();
}
