// One process for all texts, talked to by hand.

#include <asio.hpp>

#include <iostream>
#include <string>

#include <asio_integration/asio_integration.hpp>

using asio::use_awaitable;
using namespace subprocess;

asio::awaitable<void> ask()
{
  command program("python3", {"score_worker.py"});
  program.stdin_from(stdio::pipe()).stdout_to(stdio::pipe());
  async_child worker = co_await co::spawn(program);
  line_reader answers(worker.stdout_pipe());
  const std::string ready = co_await answers.async_read_line(use_awaitable);
  for (const std::string text : {"a good day\n", "an awful day\n", "a great day\n"}) {
    co_await asio::async_write(worker.stdin_pipe(), asio::buffer(text), use_awaitable);
    const std::string answer = co_await answers.async_read_line(use_awaitable);
    std::cout << answer << '\n';
  }
  worker.stdin_pipe().close(); // It finds the end of its input, and ends.
  co_await worker.async_wait(use_awaitable);
}

int main()
{
  asio::io_context loop;
  asio::co_spawn(loop, ask(), [](std::exception_ptr failure) {
    if (failure)
      std::rethrow_exception(failure);
  });
  loop.run();
}
