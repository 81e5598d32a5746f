// Compiles files two at a time, and prints the complaints of each in one piece.
#include <asio.hpp>
#include <asio_integration/asio_integration.hpp>
#include <iostream>

asio::awaitable<void> compile(subprocess::spawn_limiter& two, std::string file, bool& good)
{
  const subprocess::command compiler("c++", {"-c", file, "-o", file + ".o"});
  const subprocess::captured_output output = co_await two.async_capture(compiler, asio::use_awaitable);
  std::cout << file << ": " << output.status << '\n' << output.err;
  good = good && output.status.success();
}

int main(int argc, char** argv)
{
  asio::io_context loop;
  subprocess::spawn_limiter two(loop, 2);
  bool good = true;
  for (int i = 1; i < argc; ++i)
    asio::co_spawn(loop, compile(two, argv[i], good), [](const std::exception_ptr& failure) {
      if (failure) // No compiler.
        std::rethrow_exception(failure);
    });
  loop.run();
  return good ? 0 : 1;
}
