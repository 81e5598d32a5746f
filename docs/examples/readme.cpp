#include <asio.hpp>
#include <asio_integration/asio_integration.hpp>
#include <chrono>
#include <iostream>

asio::awaitable<void> sort_words()
{
  const subprocess::command sort("sort", {"-r"});
  subprocess::capture_options options;
  options.input = "ant\nbee\ncat\n";
  options.limit = std::chrono::seconds(5);
  const subprocess::captured_output sorted = co_await subprocess::co::capture(sort, options);
  std::cout << sorted.out << sorted.status << '\n'; // cat, bee, ant, exit code: 0

  try {
    const subprocess::command misspelt("sotr");
    co_await subprocess::co::run(misspelt);
  } catch (const subprocess::spawn_error& error) {
    std::cout << error.what() << '\n'; // spawn "sotr": exec: No such file or directory
  }
}

int main()
{
  asio::io_context loop;
  asio::co_spawn(loop, sort_words(), asio::detached);
  loop.run();
}
