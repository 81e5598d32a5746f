#include <asio.hpp>
#include <asio_integration/asio_integration.hpp>
#include <iostream>

asio::awaitable<void> sort_words()
{
  subprocess::command sort("sort", {"-r"});
  sort.stdin_from(subprocess::stdio::pipe()).stdout_to(subprocess::stdio::pipe());
  auto child = subprocess::spawn(co_await asio::this_coro::executor, sort);

  co_await asio::async_write(child.stdin_pipe(), asio::buffer("ant\nbee\ncat\n", 12), asio::use_awaitable);
  child.stdin_pipe().close(); // End of file: sort may begin.

  std::string sorted;
  std::error_code ec; // The end of the stream arrives as asio::error::eof.
  co_await asio::async_read(child.stdout_pipe(), asio::dynamic_buffer(sorted),
                            asio::redirect_error(asio::use_awaitable, ec));

  subprocess::exit_status status = co_await child.async_wait(asio::use_awaitable);
  std::cout << sorted << status << '\n'; // cat, bee, ant, exit code: 0
}

int main()
{
  asio::io_context loop;
  asio::co_spawn(loop, sort_words(), asio::detached);
  loop.run();
}
