#include <subprocess/capture_options.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "support/launchers.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

class capture_with_options : public per_launcher {
protected:
  captured_output captured(const command& what, const capture_options& options, int expected_error = 0)
  {
    std::error_code ec;
    captured_output output = capture(what, options, ec);
    EXPECT_EQ(ec, std::error_code(expected_error, std::system_category())) << ec.message();
    return output;
  }
};
SUBPROCESS_FOR_EACH_LAUNCHER(capture_with_options);

TEST_P(capture_with_options, gives_the_child_its_input)
{
  EXPECT_EQ(captured(helper({"cat"}), {.input = "some text"}).out, "some text");
  EXPECT_EQ(captured(helper({"cat"}), {.input = ""}).out, "");
  const std::string much(3'000'000, 'x');
  EXPECT_TRUE(captured(helper({"cat"}), {.input = much}).out == much);
  EXPECT_TRUE(captured(helper({"exit", "0"}), {.input = much}).status.success()) << "one that reads nothing";
  EXPECT_EQ(captured(helper({"cat"}).stdin_from(stdio::pipe()), {.input = "wins"}).out, "wins");
}

TEST_P(capture_with_options, merges_stderr_in_the_order_of_writing)
{
  const captured_output output = captured(program("sh", {"-c", "echo 1; echo 2 >&2; echo 3"}), {.merge_stderr = true});
  EXPECT_EQ(output.out, "1\n2\n3\n");
  EXPECT_EQ(output.err, "");
}

TEST_P(capture_with_options, truncates_without_disturbing_the_child)
{
  const captured_output output =
      captured(helper({"flood", "500000"}), {.max_bytes = 1000, .on_overflow = overflow::truncate});
  EXPECT_TRUE(output.status.success());
  EXPECT_EQ(output.out, std::string(1000, 'o'));
  EXPECT_EQ(output.err, std::string(1000, 'e'));
  EXPECT_EQ(output.out_dropped, 499000u);
  EXPECT_EQ(output.err_dropped, 499000u);
}

TEST_P(capture_with_options, keeps_head_and_tail)
{
  const captured_output output =
      captured(program("seq", {"1", "100000"}), {.max_bytes = 20, .on_overflow = overflow::keep_ends});
  EXPECT_TRUE(output.status.success());
  EXPECT_EQ(output.out, "1\n2\n3\n4\n5\n99\n100000\n");
}

TEST_P(capture_with_options, fails_at_the_limit_and_has_what_was_read)
{
  const captured_output output = captured(helper({"write", "1", "10000000"}), {.max_bytes = 100}, ENOBUFS);
  EXPECT_EQ(output.out, std::string(100, 'o'));
  EXPECT_GT(output.out_dropped, 0u);
  EXPECT_EQ(output.status.signal(), SIGPIPE) << "its stream was closed";
}

TEST_P(capture_with_options, kills_at_the_limit)
{
  const captured_output output =
      captured(helper({"write-then-hang", "1", "1000"}), {.max_bytes = 100, .on_overflow = overflow::kill}, ENOBUFS);
  EXPECT_EQ(output.out, std::string(100, 'o'));
  EXPECT_EQ(output.status.signal(), SIGKILL);
}

TEST_P(capture_with_options, exactly_the_limit_is_no_failure)
{
  for (const overflow policy : {overflow::fail, overflow::kill}) {
    const captured_output output =
        captured(helper({"write", "1", "100000", "2", "100000"}), {.max_bytes = 100000, .on_overflow = policy});
    EXPECT_EQ(output.out.size() + output.err.size(), 200000u);
    EXPECT_TRUE(output.status.success());
  }
}

TEST_P(capture_with_options, what_is_thrown_has_the_output)
{
  try {
    capture(helper({"write", "1", "10000000"}), {.max_bytes = 100});
    FAIL() << "nothing thrown";
  } catch (const capture_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_buffer_space);
    EXPECT_EQ(error.output().out, std::string(100, 'o'));
    EXPECT_EQ(error.output().status.signal(), SIGPIPE);
    EXPECT_EQ(error.step(), spawn_step::output);
    EXPECT_EQ(error.program(), helper_path());
    EXPECT_EQ(error.detail(), "more than 100 bytes");
  }
  EXPECT_THROW(capture(program("/nonexistent"), {.max_bytes = 100}), spawn_error);
}

TEST_P(capture_with_options, reads_on_for_the_grace_after_the_child_has_ended)
{
  for (const auto grace : {0ms, 50ms}) {
    const captured_output output = captured(helper({"spawn-grandchild-that-hangs"}), {.drain_grace = grace});
    EXPECT_TRUE(output.status.success());
    EXPECT_TRUE(output.left_open);
    const pid_t grandchild = std::atoi(output.out.c_str());
    ASSERT_GT(grandchild, 0) << output.out;
    EXPECT_GE(output.report->wall_time.count(), 0);
    ::kill(grandchild, SIGKILL);
  }
}

TEST_P(capture_with_options, a_grace_does_not_wait_for_nothing)
{
  const captured_output output = captured(helper({"flood", "1000000"}), {.drain_grace = std::chrono::hours(1)});
  EXPECT_FALSE(output.left_open);
  EXPECT_EQ(output.out.size() + output.err.size(), 2000000u);
  EXPECT_EQ(captured(helper({"spawn-grandchild-holding-stdout"}), {.drain_grace = std::chrono::nanoseconds::max()})
                .out.find("late"),
            captured(helper({"spawn-grandchild-holding-stdout"}), {}).out.find("late"));
}

TEST_P(capture_with_options, no_grace_still_reads_what_the_child_had_written)
{
  for (int i = 0; i < 20; ++i) {
    const captured_output output = captured(helper({"flood", "60000"}), {.drain_grace = 0ms});
    EXPECT_EQ(output.out.size(), 60000u);
    EXPECT_EQ(output.err.size(), 60000u);
  }
}

} // namespace
} // namespace subprocess::tests
