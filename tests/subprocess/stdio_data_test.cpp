// Streams that carry data of their own or have more to them than a pipe.

#include <subprocess/stdio.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include <subprocess/spawn.hpp>

#include "support/deadline.hpp"
#include "support/isolated.hpp"
#include "support/launchers.hpp"
#include "support/pipes.hpp"

namespace subprocess::tests {
namespace {

using stream_data = per_launcher;
SUBPROCESS_FOR_EACH_LAUNCHER(stream_data);

TEST_P(stream_data, a_string_is_read_from_start_to_end)
{
  const std::string bytes("a\0b\n\xff", 5);
  EXPECT_EQ(output_of(helper({"cat"}).stdin_from(stdio::from_string(bytes))), bytes);
  EXPECT_EQ(output_of(helper({"cat"}).stdin_from(stdio::from_string(""))), "");
  const std::string much(5'000'000, 'x');
  EXPECT_TRUE(output_of(helper({"cat"}).stdin_from(stdio::from_string(much))) == much);
}

TEST_P(stream_data, a_string_serves_any_number_of_children)
{
  const command what = helper({"cat"}).stdin_from(stdio::from_string("again"));
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(output_of(what), "again");
}

TEST_P(stream_data, a_string_cannot_be_written_to)
{
  const std::string error = output_of(helper({"try-write", "0"}).stdin_from(stdio::from_string("data")));
  EXPECT_TRUE(error == std::to_string(EPERM) + "\n" || error == std::to_string(EBADF) + "\n") << error;
}

TEST_P(stream_data, a_string_is_for_stdin_alone)
{
  for (const bool to_stdout : {true, false}) {
    command what = helper({"exit", "0"});
    to_stdout ? what.stdout_to(stdio::from_string("")) : what.stderr_to(stdio::from_string(""));
    const spawn_failure failure = failure_of(what);
    EXPECT_EQ(failure.code, std::errc::invalid_argument);
    EXPECT_EQ(failure.step, spawn_step::prepare);
    EXPECT_EQ(failure.detail, to_stdout ? "from_string for stdout" : "from_string for stderr");
  }
}

TEST_P(stream_data, a_socket_goes_both_ways)
{
  child cat = spawn(helper({"cat"}).stdin_from(stdio::socket()).stdout_to(stdio::socket()));
  EXPECT_EQ(::fcntl(cat.stdin_pipe().get(), F_GETFD), FD_CLOEXEC);
  write_all(cat.stdin_pipe().get(), "there\n");
  EXPECT_EQ(read_line(cat.stdout_pipe().get()), "there");
  cat.stdin_pipe().reset();
  EXPECT_TRUE(end_of(cat).success());

  // One that answers on its stdin.
  child answering = spawn(program("sh", {"-c", "read line; echo got $line >&0"}).stdin_from(stdio::socket()));
  EXPECT_EQ(::send(answering.stdin_pipe().get(), "it\n", 3, MSG_NOSIGNAL), 3);
  EXPECT_EQ(read_line(answering.stdin_pipe().get()), "got it");
  EXPECT_TRUE(end_of(answering).success());
  EXPECT_EQ(output_of(helper({"fd-kinds", "0", "2"}).stdin_from(stdio::socket()).stderr_to(stdio::socket())),
            "socket\nsocket\n");
}

TEST_P(stream_data, a_socket_can_be_captured)
{
  EXPECT_EQ(capture(helper({"streams"}).stdout_to(stdio::socket()).stderr_to(stdio::to_stdout())).out, "outerr");
}

TEST_P(stream_data, a_pipe_holds_as_much_as_asked_for)
{
  command what = helper({"pipe-size", "0"});
  what.stdin_from(stdio::pipe(200'000));
  spawn_failure failure;
  child started = spawn(what.stdout_to(stdio::pipe()), failure);
  if (failure.code == std::errc::function_not_supported)
    GTEST_SKIP() << failure.context();
  ASSERT_FALSE(failure);
  EXPECT_EQ(read_line(started.stdout_pipe().get()), "262144");
  EXPECT_TRUE(end_of(started).success());
}

TEST_P(stream_data, a_capacity_that_is_refused_is_an_error)
{
  const spawn_failure failure = failure_of(helper({"exit", "0"}).stderr_to(stdio::pipe(std::size_t(INT_MAX) + 1)));
  EXPECT_EQ(failure.step, spawn_step::pipe);
  EXPECT_EQ(failure.detail, "stderr capacity 2147483648");
  EXPECT_TRUE(failure.code == std::errc::invalid_argument || failure.code == std::errc::function_not_supported);
  // What an int can hold is for the kernel to refuse.
  const spawn_failure large = failure_of(helper({"exit", "0"}).stderr_to(stdio::pipe(INT_MAX)));
  EXPECT_EQ(large.step, spawn_step::pipe);
  EXPECT_EQ(large.detail, "stderr capacity 2147483647");
}

#ifdef SUBPROCESS_LINUX_OPTIONS // Elsewhere no limit is raised, and the lower one is an error.
// Its limit is for what the program writes. Who has no privilege can raise it to the hard
// limit alone.
TEST_P(stream_data, a_string_that_no_file_may_hold_is_an_error)
{
  const scratch_directory scratch;
  const std::string tool = scratch.helper_as("tool");
  isolated([&] {
    if (::geteuid() == 0) {
      ASSERT_EQ(::setgid(64322), 0);
      ASSERT_EQ(::setuid(64321), 0);
    }
    const std::string text(10'000, 'x');
    const command what = program(tool, {"cat"}).stdin_from(stdio::from_string(text));
    const rlimit enough{100, 10'000};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &enough), 0);
    EXPECT_EQ(output_of(what), text);
    const rlimit too_low{100, 9'999};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &too_low), 0);
    const spawn_failure failure = failure_of(what);
    EXPECT_EQ(failure.code.value(), EFBIG) << failure.context();
    EXPECT_EQ(failure.step, spawn_step::open_file);
    EXPECT_EQ(failure.detail, "stdin data");
  });
}
#endif

// Only numbers of standard streams are free, which no stream of a child's may have.
TEST_P(stream_data, that_finds_no_other_number_than_a_standard_one_is_an_error)
{
  isolated([&] {
    EXPECT_TRUE(run(helper({"exit", "0"})).success());
    rlimit few{};
    ::getrlimit(RLIMIT_NOFILE, &few);
    few.rlim_cur = static_cast<rlim_t>(lowest_free());
    ::setrlimit(RLIMIT_NOFILE, &few);
    ::close(0);
    ::close(1);
    for (const stdio& choice : {stdio::pipe(), stdio::socket(), stdio::pty()}) {
      const spawn_failure failure = failure_of(helper({"exit", "0"}).stderr_to(choice));
      EXPECT_EQ(failure.code, std::errc::too_many_files_open) << failure.context();
      EXPECT_TRUE(failure.detail.starts_with("stderr")) << failure.context();
      EXPECT_EQ(::fcntl(0, F_GETFD), -1);
      EXPECT_EQ(::fcntl(1, F_GETFD), -1);
    }
  });
}

TEST_P(stream_data, a_terminal_takes_two_descriptors)
{
  isolated([&] {
    EXPECT_TRUE(run(helper({"exit", "0"})).success());
    rlimit few{};
    ::getrlimit(RLIMIT_NOFILE, &few);
    few.rlim_cur = static_cast<rlim_t>(lowest_free()) + 1;
    ::setrlimit(RLIMIT_NOFILE, &few);
    const spawn_failure failure = failure_of(helper({"exit", "0"}).stdin_from(stdio::pty()));
    EXPECT_EQ(failure.code, std::errc::too_many_files_open) << failure.context();
    EXPECT_EQ(failure.step, spawn_step::pty);
  });
}

TEST_P(stream_data, running_out_of_descriptors_leaks_none)
{
  isolated([&] {
    rlimit few{};
    ::getrlimit(RLIMIT_NOFILE, &few);
    few.rlim_cur = static_cast<rlim_t>(lowest_free());
    ::setrlimit(RLIMIT_NOFILE, &few);
    for (const stdio& choice : {stdio::socket(), stdio::from_string("x"), stdio::pty()}) {
      const spawn_failure failure = failure_of(helper({"exit", "0"}).stdin_from(choice));
      EXPECT_EQ(failure.code, std::errc::too_many_files_open) << failure.context();
      if (failure.step != spawn_step::fork) { // The text is the child's to put somewhere.
        EXPECT_TRUE(failure.detail.starts_with("stdin") || failure.detail == "outcome") << failure.detail;
      }
    }
  });
}

} // namespace
} // namespace subprocess::tests
