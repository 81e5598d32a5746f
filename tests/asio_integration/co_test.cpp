#include <asio_integration/co.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/steady_timer.hpp>

#include <chrono>
#include <csignal>
#include <exception>
#include <functional>
#include <string>

#include "io_fixture.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;

class coroutines : public io_fixture {
protected:
  /// Runs one to its end; what it throws is thrown here.
  void in_coroutine(std::function<asio::awaitable<void>()> body)
  {
    std::exception_ptr thrown;
    asio::co_spawn(context(), std::move(body), [&](std::exception_ptr error) { thrown = error; });
    run_to_end();
    if (thrown)
      std::rethrow_exception(thrown);
  }
};
SUBPROCESS_FOR_EACH_SETUP(coroutines);

// g++ 12 takes no braced list within a co_await: the commands are made before.

TEST_P(coroutines, run_capture_and_spawn_programs)
{
  const command three = helper({"exit", "3"});
  const command four = helper({"exit", "4"});
  const command hello = helper({"echo", "hello"});
  bool over = false;
  in_coroutine([&]() -> asio::awaitable<void> {
    const exit_status status = co_await co::run(three);
    EXPECT_EQ(status.code(), 3);
    const captured_output output = co_await co::capture(hello);
    EXPECT_EQ(output.out, "hello\n");
    async_child child = co_await co::spawn(four);
    const exit_status end = co_await child.async_wait(asio::use_awaitable);
    EXPECT_EQ(end.code(), 4);
    over = true;
  });
  EXPECT_TRUE(over);
}

TEST_P(coroutines, may_be_of_any_executor)
{
  using own = asio::io_context::executor_type;
  const command three = helper({"exit", "3"});
  const command hello = helper({"echo", "hello"});
  int over = 0;
  asio::co_spawn(
      context().get_executor(),
      [&]() -> asio::awaitable<void, own> {
        const exit_status status = co_await co::run<own>(three);
        EXPECT_EQ(status.code(), 3);
        const captured_output output = co_await co::capture<own>(hello);
        EXPECT_EQ(output.out, "hello\n");
        async_child child = co_await co::spawn<own>(three);
        const exit_status end = co_await child.async_wait(asio::use_awaitable_t<own>());
        EXPECT_EQ(end.code(), 3);
        ++over;
      },
      asio::detached);
  run_to_end();
  EXPECT_EQ(over, 1);
}

TEST_P(coroutines, throw_what_names_the_program_and_the_step)
{
  const auto message_of = [&](std::function<asio::awaitable<void>()> body) -> std::string {
    try {
      in_coroutine(std::move(body));
    } catch (const spawn_error& error) {
      return error.what();
    }
    return "nothing was thrown";
  };
  const command missing = program("/frobnicate");
  const command hangs = helper({"hang"});
  EXPECT_EQ(message_of([&]() -> asio::awaitable<void> { co_await co::run(missing); }),
            "spawn \"/frobnicate\": exec: No such file or directory");
  EXPECT_EQ(message_of([&]() -> asio::awaitable<void> { co_await co::capture(missing); }),
            "spawn \"/frobnicate\": exec: No such file or directory");
  EXPECT_EQ(message_of([&]() -> asio::awaitable<void> { co_await co::spawn(missing); }),
            "spawn \"/frobnicate\": exec: No such file or directory");
  const std::string late = message_of([&]() -> asio::awaitable<void> {
    run_options options;
    options.limit = 300ms;
    co_await co::run(hangs, options);
  });
  EXPECT_NE(late.find("time limit of 300 ms has passed"), std::string::npos) << late;
}

TEST_P(coroutines, keep_the_output_of_a_capture_that_fails)
{
  const command writes = helper({"write", "1", "100"});
  try {
    in_coroutine([&]() -> asio::awaitable<void> {
      capture_options options;
      options.max_bytes = 10;
      co_await co::capture(writes, options);
    });
    FAIL() << "nothing was thrown";
  } catch (const capture_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_buffer_space);
    EXPECT_EQ(error.output().out, "oooooooooo");
    EXPECT_NE(std::string(error.what()).find("more than 10 bytes"), std::string::npos) << error.what();
  }
}

TEST_P(coroutines, end_a_program_gently_when_the_other_side_of_or_is_first)
{
  pipe_ends out = make_pipe();
  pipe_ends err = make_pipe();
  command what = helper({"trap-and-tell", std::to_string(SIGTERM)});
  what.stdout_to(stdio::from_fd(std::move(out.write_end))).stderr_to(stdio::from_fd(std::move(err.write_end)));
  in_coroutine([&]() -> asio::awaitable<void> {
    asio::posix::stream_descriptor ready(context(), ::dup(out.read_end.get()));
    co_await (co::run(std::move(what)) ||
              ready.async_wait(asio::posix::descriptor_base::wait_read, asio::use_awaitable));
  });
  EXPECT_EQ(read_line(out.read_end.get()), "ready");
  EXPECT_EQ(read_line(err.read_end.get()), "caught " + std::to_string(SIGTERM));
}

} // namespace
} // namespace subprocess::tests
