#include <asio_integration/async_capture.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "io_fixture.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

class async_capture_with_options : public io_fixture {
protected:
  captured_output captured(const command& what, const capture_options& options, int expected_error = 0)
  {
    captured_output output;
    int calls = 0;
    async_capture(context(), what, options, [&](std::error_code ec, captured_output o) {
      ++calls;
      EXPECT_EQ(ec, std::error_code(expected_error, std::system_category())) << ec.message();
      output = std::move(o);
    });
    run_to_end();
    EXPECT_EQ(calls, 1);
    return output;
  }
};
SUBPROCESS_FOR_EACH_SETUP(async_capture_with_options);

TEST_P(async_capture_with_options, gives_the_child_its_input)
{
  const std::string much(3'000'000, 'x');
  EXPECT_TRUE(captured(helper({"cat"}), {.input = much}).out == much);
  EXPECT_TRUE(captured(helper({"exit", "0"}), {.input = much}).status.success()) << "one that reads nothing";
}

TEST_P(async_capture_with_options, merges_stderr)
{
  EXPECT_EQ(captured(helper({"streams"}), {.merge_stderr = true}).out, "outerr");
}

TEST_P(async_capture_with_options, truncates_without_disturbing_the_child)
{
  const captured_output output =
      captured(helper({"flood", "500000"}), {.max_bytes = 1000, .on_overflow = overflow::truncate});
  EXPECT_TRUE(output.status.success());
  EXPECT_EQ(output.out, std::string(1000, 'o'));
  EXPECT_EQ(output.err_dropped, 499000u);
}

TEST_P(async_capture_with_options, keeps_head_and_tail)
{
  EXPECT_EQ(captured(program("seq", {"1", "100000"}), {.max_bytes = 20, .on_overflow = overflow::keep_ends}).out,
            "1\n2\n3\n4\n5\n99\n100000\n");
}

TEST_P(async_capture_with_options, fails_at_the_limit_and_has_what_was_read)
{
  const captured_output output = captured(helper({"write", "1", "10000000"}), {.max_bytes = 100}, ENOBUFS);
  EXPECT_EQ(output.out, std::string(100, 'o'));
  EXPECT_EQ(output.status.signal(), SIGPIPE) << "its stream was closed";
}

TEST_P(async_capture_with_options, kills_at_the_limit)
{
  const captured_output output =
      captured(helper({"write-then-hang", "1", "1000"}), {.max_bytes = 100, .on_overflow = overflow::kill}, ENOBUFS);
  EXPECT_EQ(output.out, std::string(100, 'o'));
  EXPECT_EQ(output.status.signal(), SIGKILL);
}

TEST_P(async_capture_with_options, reads_on_for_the_grace_after_the_child_has_ended)
{
  for (const auto grace : {0ms, 50ms}) {
    const captured_output output = captured(helper({"spawn-grandchild-that-hangs"}), {.drain_grace = grace});
    EXPECT_TRUE(output.status.success());
    EXPECT_TRUE(output.left_open);
    const pid_t grandchild = std::atoi(output.out.c_str());
    ASSERT_GT(grandchild, 0) << output.out;
    ::kill(grandchild, SIGKILL);
  }
}

TEST_P(async_capture_with_options, a_grace_loses_nothing_and_does_not_wait_for_nothing)
{
  for (const std::chrono::nanoseconds grace : {std::chrono::nanoseconds(0), std::chrono::nanoseconds::max()}) {
    const captured_output output = captured(helper({"flood", "60000"}), {.drain_grace = grace});
    EXPECT_EQ(output.out.size() + output.err.size(), 120000u);
  }
}

TEST_P(async_capture_with_options, reports_what_the_child_used)
{
  const captured_output output = captured(helper({"burn", "50"}), {});
  ASSERT_TRUE(output.report);
  EXPECT_EQ(output.report->status, output.status);
  EXPECT_GE(output.report->wall_time, 40ms);
}

TEST_P(async_capture_with_options, give_what_their_blocking_twin_gives)
{
  const auto beside = [this](std::initializer_list<std::string_view> arguments) {
    return helper(arguments).stderr_to(stdio::null());
  };
  const auto on_terminal = [this](std::initializer_list<std::string_view> arguments) {
    return helper(arguments).stdin_from(stdio::pty()).stdout_to(stdio::pty()).stderr_to(stdio::pty());
  };
  const time_limit soon = 100ms;
  const auto fail = overflow::fail;
  const auto truncate = overflow::truncate;
  const struct {
    command what;
    capture_options options;
    int error = 0;
    std::size_t written = 0; // Before it hangs.
  } cases[] = {
      {helper({"streams"}), {}},
      {helper({"streams"}), {.merge_stderr = true}},
      {helper({"exit", "3"}), {}},
      {helper({"cat"}), {.input = "in"}},
      {helper({"flood", "500000"}), {.max_bytes = 1000, .on_overflow = truncate}},
      {helper({"flood", "500000"}), {.max_bytes = 1000, .on_overflow = overflow::keep_ends}},
      {beside({"flood", "500000"}), {.max_bytes = 1000, .on_overflow = fail}, ENOBUFS},
      {beside({"write-then-hang", "1", "2000"}), {.max_bytes = 1000, .on_overflow = overflow::kill}, ENOBUFS},
      {beside({"write-then-hang", "1", "2000"}), {.limit = soon}, ETIMEDOUT, 2000},
      {helper({"close-stdout-then-hang"}), {.limit = soon}, ETIMEDOUT},
      {on_terminal({"streams"}), {}},
      {on_terminal({"streams"}), {.drain_grace = 0ms}},
      {on_terminal({"streams"}).stdout_to(stdio::pipe()).stderr_to(stdio::pipe()), {}},
      {on_terminal({"write-then-hang", "1", "2000"}), {.limit = soon}, ETIMEDOUT, 2000},
      {command("/does/not/exist"), {}, ENOENT},
  };
  for (const auto& [what, options, error, written] : cases) {
    SCOPED_TRACE(to_string(what));
    captured_output blocking;
    captured_output async;
    const auto captured_by_both = [&](const capture_options& asked) {
      std::error_code ec;
      blocking = capture(what, asked, ec);
      EXPECT_EQ(ec, std::error_code(error, std::system_category())) << ec.message();
      async = captured(what, asked, error);
    };
    if (written == 0)
      captured_by_both(options);
    else
      EXPECT_TRUE(given_enough_time(100ms, [&](std::chrono::milliseconds limit) {
        capture_options longer = options;
        longer.limit = limit;
        captured_by_both(longer);
        return blocking.out.size() >= written && async.out.size() >= written;
      }));
    EXPECT_EQ(async.out, blocking.out);
    EXPECT_EQ(async.err, blocking.err);
    if (options.on_overflow != overflow::fail) { // Which closes the stream, whatever it was going to say.
      EXPECT_EQ(async.out_dropped, blocking.out_dropped);
      EXPECT_EQ(async.err_dropped, blocking.err_dropped);
    }
    EXPECT_EQ(async.left_open, blocking.left_open);
    EXPECT_EQ(async.status, blocking.status);
    EXPECT_EQ(async.report.has_value(), blocking.report.has_value());
  }
}

} // namespace
} // namespace subprocess::tests
