// The little program that is built with the library in every way there is: what it
// uses of both halves is compiled, inline, and templates.

#include <asio.hpp>
#include <subprocess/asio.hpp>

#include <chrono>
#include <iostream>

namespace {

int failures = 0;

void expect(bool holds, const char* what)
{
  if (!holds) {
    std::cerr << "does not hold: " << what << '\n';
    ++failures;
  }
}

asio::awaitable<void> sort_words()
{
  const subprocess::command sort("sort", {"-r"});
  subprocess::capture_options options;
  options.input = "ant\nbee\ncat\n";
  options.limit = std::chrono::seconds(30);
  const subprocess::captured_output sorted = co_await subprocess::co::capture(sort, options);
  expect(sorted.out == "cat\nbee\nant\n", "a coroutine has the output");
  try {
    const subprocess::command misspelt("sotr");
    co_await subprocess::co::run(misspelt);
    expect(false, "a missing program throws");
  } catch (const subprocess::spawn_error& error) {
    expect(error.step() == subprocess::spawn_step::exec, "the error tells its step");
  }
}

} // namespace

int main()
{
  expect(subprocess::run(subprocess::command("sh", {"-c", "exit 7"})).code() == 7, "a blocking run has the code");
  asio::io_context loop;
  asio::co_spawn(loop, sort_words(), asio::detached);
  loop.run();
  std::cout << "subprocess " << subprocess::version_string << '\n';
  return failures != 0;
}
