// A pipeline on an event loop: the five most frequent words of a text.

#include <exception>
#include <iostream>

#include <asio.hpp>
#include <asio_integration/asio_integration.hpp>

using subprocess::command;

asio::awaitable<void> count_words()
{
  const subprocess::pipeline count = command("tr", {"-cs", "a-z", "\n"}) | command("sort") | command("uniq", {"-c"}) |
                                     command("sort", {"-rn"}) | command("head", {"-n", "5"});
  const subprocess::capture_options text{.input = "to be or not to be that is the question whether tis nobler"};

  const auto executor = co_await asio::this_coro::executor;
  const subprocess::pipeline_result words = co_await async_pipeline(executor, count, text, asio::use_awaitable);
  std::cout << to_string(count) << '\n' << words.out << words.pipefail() << '\n';
}

int main()
{
  asio::io_context loop;
  asio::co_spawn(loop, count_words(), [](const std::exception_ptr& failure) {
    if (failure)
      std::rethrow_exception(failure);
  });
  loop.run();
}
