// A hundred questions to one calculator, which lives on between them.
#include <asio.hpp>
#include <asio_integration/asio_integration.hpp>
#include <iostream>

asio::awaitable<void> ask(subprocess::command what, int& right)
{
  what.stdin_from(subprocess::stdio::pipe()).stdout_to(subprocess::stdio::pipe());
  subprocess::async_child calculator = co_await subprocess::co::spawn(what);
  subprocess::line_reader answers(calculator.stdout_pipe());
  for (int i = 0; i < 100; ++i) {
    const std::string question = std::to_string(i) + " * 3\n";
    co_await asio::async_write(calculator.stdin_pipe(), asio::buffer(question), asio::use_awaitable);
    right += co_await answers.async_read_line(asio::use_awaitable) == std::to_string(i * 3);
  }
  calculator.stdin_pipe().close(); // No more questions: it ends.
  std::cout << right << " right answers, " << co_await calculator.async_wait(asio::use_awaitable) << '\n';
}

int main()
{
  asio::io_context loop;
  const bool has_bc = subprocess::find_program("bc").has_value();
  const auto what = has_bc ? subprocess::command("bc") : subprocess::shell("while read q; do echo $(($q)); done");
  int right = 0;
  asio::co_spawn(loop, ask(what, right), asio::detached);
  loop.run();
  return right == 100 ? 0 : 1;
}
