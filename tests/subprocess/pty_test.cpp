#include <subprocess/window_size.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include <subprocess/pipeline.hpp>
#include <subprocess/spawn.hpp>

#include "support/deadline.hpp"
#include "support/early_ends.hpp"
#include "support/launchers.hpp"

namespace subprocess::tests {
namespace {

class terminals : public per_launcher {
protected:
  static command on_terminal(command what, window_size size = {})
  {
    return what.stdin_from(stdio::pty(size)).stdout_to(stdio::pty()).stderr_to(stdio::pty());
  }

  /// What comes until everyone has left the terminal.
  static std::string everything(const unique_fd& pty)
  {
    std::string text;
    char buffer[4096];
    ssize_t got;
    const auto reads = [&] {
      return becomes_readable(pty.get()) && (got = ::read(pty.get(), buffer, sizeof buffer)) > 0;
    };
    while (reads() || reads()) // The first end may be told early.
      text.append(buffer, static_cast<std::size_t>(got));
    EXPECT_EQ(errno, EIO);
    return text;
  }

  std::string shown_by(const command& what)
  {
    child started = spawn(what);
    const std::string text = everything(started.pty());
    EXPECT_TRUE(end_of(started).success());
    return text;
  }
};
SUBPROCESS_FOR_EACH_LAUNCHER(terminals);

TEST_P(terminals, are_all_streams_that_say_so)
{
  EXPECT_EQ(shown_by(on_terminal(helper({"isatty"}))), "tty tty tty\r\n");
  command what = helper({"isatty"});
  what.stdin_from(stdio::null()).stdout_to(stdio::pty()).stderr_to(stdio::null());
  EXPECT_EQ(shown_by(what), "other tty other\r\n");
}

TEST_P(terminals, have_one_end_for_us)
{
  child started = spawn(on_terminal(helper({"cat"})));
  EXPECT_TRUE(started.pty());
  EXPECT_FALSE(started.stdin_pipe());
  EXPECT_FALSE(started.stdout_pipe());
  EXPECT_FALSE(started.stderr_pipe());
  EXPECT_EQ(::fcntl(started.pty().get(), F_GETFD), FD_CLOEXEC);
  write_all(started.pty().get(), "a line\n\4");
  EXPECT_EQ(everything(started.pty()), "a line\r\na line\r\n") << "the echo, and the cat";
  EXPECT_TRUE(end_of(started).success());
}

TEST_P(terminals, control_a_session_of_the_child)
{
  EXPECT_EQ(shown_by(on_terminal(helper({"ttysession", "0"}))), "1 1 1 1\r\n");
  command what = helper({"ttysession", "2"});
  what.stdin_from(stdio::null()).stdout_to(stdio::pipe()).stderr_to(stdio::pty());
  child started = spawn(what.process_group());
  EXPECT_EQ(read_all(started.stdout_pipe().get()), "1 1 1 1\n");
  EXPECT_TRUE(end_of(started).success());
}

TEST_P(terminals, have_the_size_that_was_asked_for)
{
  EXPECT_EQ(shown_by(on_terminal(helper({"ttysize", "1"}))), "24 80\r\n");
  EXPECT_EQ(shown_by(on_terminal(helper({"ttysize", "1"}), {50, 132})), "50 132\r\n") << "the first one counts";
}

TEST_P(terminals, can_be_resized)
{
  child started = spawn(on_terminal(helper({"ttyresize"})));
  EXPECT_EQ(read_line(started.pty().get()), "24 80\r");
  started.resize_pty({40, 120});
  EXPECT_EQ(everything(started.pty()), "40 120\r\n");
  EXPECT_TRUE(end_of(started).success());
}

TEST_P(terminals, that_are_not_there_cannot_be_resized)
{
  std::error_code ec;
  child().resize_pty({}, ec);
  EXPECT_EQ(ec, std::errc::invalid_argument);
  child started = spawn(helper({"exit", "0"}));
  EXPECT_THROW(started.resize_pty({}), std::system_error);
  end_of(started);
}

TEST_P(terminals, take_control_keys)
{
  child started = spawn(on_terminal(helper({"ready-then-hang"})));
  EXPECT_EQ(read_line(started.pty().get()), "ready\r");
  write_all(started.pty().get(), "\3");
  EXPECT_EQ(end_of(started).signal(), SIGINT);
}

TEST_P(terminals, hang_up_when_our_end_is_closed)
{
  child started = spawn(on_terminal(helper({"ready-then-hang"})));
  EXPECT_EQ(read_line(started.pty().get()), "ready\r");
  started.pty().reset();
  EXPECT_EQ(end_of(started).signal(), SIGHUP);
}

TEST_P(terminals, can_be_captured)
{
  const captured_output output = capture(on_terminal(helper({"isatty"})));
  EXPECT_EQ(output.out, "tty tty tty\r\n");
  EXPECT_TRUE(output.status.success());
  EXPECT_TRUE(capture(on_terminal(helper({"cat"}))).status.success()) << "its input has an end";
  const captured_output errors = capture(helper({"streams"}).stderr_to(stdio::pty()));
  EXPECT_EQ(errors.out, "out");
  EXPECT_EQ(errors.err, "err");
}

TEST_P(terminals, of_a_capture_have_no_input_for_whoever_reads)
{
  const std::string reads[] = {
      "cat; cat; cat",
      "stty -icanon; cat",
      "stty icanon -icanon; cat; cat",
      "read word || echo end >&2; cat",
  };
  for (const std::string& script : reads) {
    const captured_output output = capture(program("sh", {"-c", script}).stdin_from(stdio::pty()));
    EXPECT_EQ(output.out, "") << script;
    EXPECT_TRUE(output.status.success()) << script << ": " << output.status;
  }
  EXPECT_TRUE(run(program("sh", {"-c", "cat; cat"}).stdin_from(stdio::pty())).success());
  EXPECT_TRUE(run(program("sh", {"-c", "cat; cat"}).stdin_from(stdio::pty()), {.limit = patience}).success());
  EXPECT_TRUE(run(program("cat").stdin_from(stdio::pty()) | program("cat")).at(0).success());
}

TEST_P(terminals, can_be_written_to_by_the_back_door)
{
  const command flood = program("sh", {"-c", "head -c 100000 /dev/zero > /dev/tty"});
  command what = flood;
  captured_output output = capture(what.stdin_from(stdio::pty()));
  EXPECT_TRUE(output.status.success());
  EXPECT_EQ(output.out, "") << "stdout is a pipe of its own";
  what.stdout_to(stdio::null());
  output = capture(what);
  EXPECT_TRUE(output.status.success());
  EXPECT_EQ(output.out.size(), 100000u) << "it counts as the first that is not read otherwise";
  EXPECT_TRUE(run(what).success());
  EXPECT_TRUE(run(what, {.limit = patience}).success());
  what = flood;
  EXPECT_TRUE(run(what.stdin_from(stdio::pty()) | program("cat")).at(0).success());
  EXPECT_TRUE(capture(what | program("cat")).stages.at(0).status.success());
}

TEST_P(terminals, do_not_hang_up_on_a_child_that_has_left_them)
{
  const command what = on_terminal(program("sh", {"-c", "exec < /dev/null > /dev/null 2>&1; sleep 0.1; exit 0"}));
  EXPECT_TRUE(capture(what).status.success());
  EXPECT_TRUE(run(what).success());
  EXPECT_TRUE(run(what, {.limit = patience}).success());
}

TEST_P(terminals, lose_nothing_that_was_written_before_the_end_without_a_grace)
{
  const command what = on_terminal(helper({"write", "1", "20000"}));
  for (int i = 0; i < 30; ++i)
    EXPECT_EQ(capture(what, {.drain_grace = std::chrono::nanoseconds(0)}).out.size(), 20000u);
  const captured_output held =
      capture(on_terminal(program("sh", {"-c", "trap '' HUP; sleep 1000 & echo $!; head -c 9000 /dev/zero"})),
              {.drain_grace = std::chrono::nanoseconds(0)});
  EXPECT_TRUE(held.left_open);
  EXPECT_GT(held.out.size(), 9000u);
  ::kill(std::atoi(held.out.c_str()), SIGKILL);
}

// The last would be lost to whoever believes the first end that is told.
TEST_P(terminals, lose_nothing_when_the_end_is_told_early)
{
  const command what = on_terminal(helper({"write", "1", "20000"}));
  const early_ends ends;
  EXPECT_EQ(capture(what).out.size(), 20000u);
  EXPECT_EQ(capture(what, {.drain_grace = std::chrono::nanoseconds(0)}).out.size(), 20000u);
  EXPECT_EQ(shown_by(what).size(), 20000u);
  EXPECT_GT(ends.told(), 3u);
}

TEST_P(terminals, do_not_go_with_a_foreign_process_group)
{
  const spawn_failure failure = failure_of(on_terminal(helper({"exit", "0"})).process_group(::getpgrp()));
  EXPECT_EQ(failure.code, std::errc::invalid_argument);
  EXPECT_EQ(failure.step, spawn_step::prepare);
  EXPECT_EQ(failure.detail, "pty in a foreign process group");
}

TEST_P(terminals, of_a_failed_spawn_leave_nothing)
{
  EXPECT_EQ(failure_of(on_terminal(program("/nonexistent"))).step, spawn_step::exec);
  if (GetParam() == launcher::fork) {
    EXPECT_EQ(exec(on_terminal(helper({"exit", "0"}))), std::errc::invalid_argument);
  }
}

} // namespace
} // namespace subprocess::tests
