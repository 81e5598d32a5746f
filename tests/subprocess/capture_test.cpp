#include <subprocess/capture.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <thread>
#include <utility>

#include "support/isolated.hpp"
#include "support/launchers.hpp"

namespace subprocess::tests {
namespace {

using capturing = per_launcher;
SUBPROCESS_FOR_EACH_LAUNCHER(capturing);

/// Whether the text is `count` times the letter; prints no megabytes.
::testing::AssertionResult is_all(const std::string& text, char letter, std::size_t count)
{
  if (text.size() == count && std::ranges::count(text, letter) == static_cast<std::ptrdiff_t>(count))
    return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << text.size() << " bytes of " << count << ", or not all of them " << letter;
}

TEST_P(capturing, keeps_both_streams_and_the_status)
{
  const captured_output output = capture(helper({"streams"}));
  EXPECT_EQ(output.out, "out");
  EXPECT_EQ(output.err, "err");
  EXPECT_TRUE(output.status.success());
}

TEST_P(capturing, a_failing_program_is_a_result)
{
  std::error_code ec(EIO, std::system_category());
  EXPECT_EQ(capture(helper({"exit", "3"}), ec).status.code(), 3);
  EXPECT_FALSE(ec);
  EXPECT_EQ(capture(helper({"signal", "15"})).status.signal(), SIGTERM);
}

TEST_P(capturing, what_was_written_before_the_end_by_a_signal_is_kept)
{
  const captured_output output = capture(program("sh", {"-c", "echo before; kill -9 $$"}));
  EXPECT_EQ(output.out, "before\n");
  EXPECT_EQ(output.status.signal(), SIGKILL);
}

TEST_P(capturing, bytes_are_bytes)
{
  const captured_output output = capture(program("printf", {R"(\000\377\n\000)"}));
  EXPECT_EQ(output.out, std::string("\0\377\n\0", 4));
}

TEST_P(capturing, drains_any_amount_on_both_streams)
{
  const captured_output output = capture(helper({"flood", "8000000"}));
  EXPECT_TRUE(is_all(output.out, 'o', 8000000));
  EXPECT_TRUE(is_all(output.err, 'e', 8000000));
  EXPECT_TRUE(output.status.success());
}

TEST_P(capturing, drains_one_stream_after_the_other)
{
  for (const auto& [first, second] : {std::pair("1", "2"), std::pair("2", "1")}) {
    const captured_output output = capture(helper({"write", first, "2000000", second, "3000000"}));
    EXPECT_TRUE(is_all(output.out, 'o', *first == '1' ? 2000000 : 3000000));
    EXPECT_TRUE(is_all(output.err, 'e', *first == '2' ? 2000000 : 3000000));
  }
}

TEST_P(capturing, drains_one_stream_alone)
{
  const captured_output only_out = capture(helper({"write", "1", "1000001"}));
  EXPECT_TRUE(is_all(only_out.out, 'o', 1000001));
  EXPECT_EQ(only_out.err, "");
  const captured_output only_err = capture(helper({"write", "2", "1000001"}));
  EXPECT_EQ(only_err.out, "");
  EXPECT_TRUE(is_all(only_err.err, 'e', 1000001));
}

TEST_P(capturing, around_the_size_of_a_pipe)
{
  for (const std::size_t size : {0u, 1u, 65535u, 65536u, 65537u, 131072u})
    EXPECT_TRUE(is_all(capture(helper({"write", "1", std::to_string(size)})).out, 'o', size));
}

TEST_P(capturing, unset_stdin_is_null)
{
  EXPECT_EQ(output_of({"fd-kinds", "0", "1", "2"}), "null\npipe\npipe\n");
  EXPECT_EQ(output_of({"cat"}), "");
}

TEST_P(capturing, a_piped_stdin_has_its_end_at_once)
{
  EXPECT_EQ(output_of(helper({"cat"}).stdin_from(stdio::pipe())), "");
}

TEST_P(capturing, what_is_set_wins)
{
  const scratch_directory scratch;
  command what = helper({"streams"});
  what.stdout_to(stdio::write_file(scratch / "out"));
  captured_output output = capture(what);
  EXPECT_EQ(output.out, "");
  EXPECT_EQ(output.err, "err");
  EXPECT_EQ(content_of(scratch / "out"), "out");

  output = capture(what.stderr_to(stdio::null()));
  EXPECT_EQ(output.err, "");
  EXPECT_EQ(output_of(helper({"cat"}).stdin_from(stdio::read_file(scratch / "out"))), "out");
  EXPECT_EQ(capture(helper({"streams"}).stderr_to(stdio::to_stdout())).out, "outerr");
}

TEST_P(capturing, goes_on_until_a_grandchild_has_closed_the_streams_too)
{
  const captured_output output = capture(helper({"spawn-grandchild-holding-stdout"}));
  EXPECT_TRUE(output.status.success());
  EXPECT_NE(output.out.find("late\n"), std::string::npos) << output.out;
}

TEST_P(capturing, survives_signals_with_handlers)
{
  isolated([&] {
    struct sigaction action = {};
    action.sa_handler = [](int) {};
    ::sigaction(SIGUSR1, &action, nullptr); // Without SA_RESTART.
    const pthread_t reader = ::pthread_self();
    std::atomic<bool> done = false;
    std::thread disturber([&] {
      while (!done)
        ::pthread_kill(reader, SIGUSR1);
    });
    for (int i = 0; i < 5; ++i) {
      std::error_code ec;
      const captured_output output = capture(helper({"flood", "300000"}), ec);
      EXPECT_FALSE(ec) << ec.message();
      EXPECT_TRUE(is_all(output.out, 'o', 300000));
      EXPECT_TRUE(is_all(output.err, 'e', 300000));
    }
    done = true;
    disturber.join();
  });
}

TEST_P(capturing, a_failed_spawn_captures_nothing)
{
  std::error_code ec;
  const captured_output output = capture(program("/nonexistent"), ec);
  EXPECT_EQ(ec.value(), ENOENT);
  EXPECT_EQ(output.status, exit_status());
  EXPECT_EQ(output.out + output.err, "");
}

} // namespace
} // namespace subprocess::tests
