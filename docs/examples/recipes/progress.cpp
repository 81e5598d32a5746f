// Shows a program's progress while its output goes to a file.
#include <asio.hpp>
#include <asio_integration/asio_integration.hpp>
#include <iostream>

asio::awaitable<void> download()
{
  auto what = subprocess::shell("for n in 10 50 100; do echo data; printf '%s%%\\r' $n >&2; done");
  what.stdout_to(subprocess::stdio::write_file("data")).stderr_to(subprocess::stdio::pipe());
  subprocess::async_child child = co_await subprocess::co::spawn(what);

  // Each line of progress is written over the one before: "10%\r50%\r100%\r".
  subprocess::line_reader progress(child.stderr_pipe(), {.ends = subprocess::line_end::newline_or_return()});
  std::error_code ec;
  for (;;) {
    const std::string line = co_await progress.async_read_line(asio::redirect_error(asio::use_awaitable, ec));
    if (ec) // The end of the stream.
      break;
    std::cout << "so far: " << line << std::endl;
  }
  std::cout << co_await child.async_wait(asio::use_awaitable) << '\n';
}

int main()
{
  asio::io_context loop;
  asio::co_spawn(loop, download(), asio::detached);
  loop.run();
}
