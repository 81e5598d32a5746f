#include <subprocess/spawn.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <filesystem>

#include "support/baseline.hpp"
#include "support/deadline.hpp"
#include "support/isolated.hpp"
#include "support/pipes.hpp"
#include "support/programs.hpp"

namespace subprocess::tests {
namespace {

class exec_in_place : public baseline {
protected:
  /// What the program writes that a copy of this one becomes.
  static std::string output_of(command what, int code = 0)
  {
    pipe_ends ends = make_pipe(60);
    what.stdout_to(stdio::from_fd(ends.write_end.get()));
    const exit_status status = in_copy([&] {
      const std::error_code ec = exec(what);
      ADD_FAILURE() << "exec: " << ec.message();
    });
    EXPECT_EQ(status.code(), code);
    ends.write_end.reset();
    return read_all(ends.read_end.get());
  }
};

TEST_F(exec_in_place, becomes_the_program)
{
  EXPECT_EQ(in_copy([] { exec(helper({"exit", "42"})); }).code(), 42);
  EXPECT_EQ(output_of(helper({"echo", "a b", "c"})), "a b\nc\n");
}

TEST_F(exec_in_place, keeps_the_process)
{
  const pipe_ends ends = make_pipe(60);
  command what = helper({"pid"}).stdout_to(stdio::from_fd(ends.write_end.get()));
  isolated([&] {
    write_all(ends.write_end.get(), std::to_string(::getpid()) + "\n");
    exec(what);
  });
  const std::string before = read_line(ends.read_end.get());
  EXPECT_EQ(read_line(ends.read_end.get()), before);
}

TEST_F(exec_in_place, does_all_that_the_command_asks_for)
{
  const scratch_directory scratch;
  EXPECT_EQ(output_of(helper({"argv0"}).arg0("other")), "other\n");
  EXPECT_EQ(output_of(helper({"cwd"}).current_dir(scratch.path())), scratch.path().native() + "\n");
  EXPECT_EQ(output_of(helper({"env"}).env_clear().env("A", "1")), std::string("A=1\0", 4));
  EXPECT_EQ(output_of(helper({"streams"}).stderr_to(stdio::to_stdout())), "outerr");
  scratch.helper_as("tool");
  EXPECT_EQ(output_of(command("tool", {"exit", "3"}).env("PATH", scratch.path().native()), 3), "");
  EXPECT_EQ(output_of(command("sh", {"-c", "exit 4"}), 4), "");
  command hooked = helper({"exit", "0"});
  hooked.pre_exec(
      [] { return ::write(1, "hook", 4) == 4 ? std::error_code() : std::make_error_code(std::errc::io_error); });
  EXPECT_EQ(output_of(hooked), "hook");
}

TEST_F(exec_in_place, passes_mapped_descriptors_and_no_others)
{
  const unique_fd a = pipe_with("A", 30);
  const unique_fd leaky = inheritable_copy(a.get(), 3);
  const unique_fd other = inheritable_copy(a.get(), 300);
  EXPECT_EQ(output_of(helper({"fds"}).map_fd(a.get(), 5).map_fd(a.get(), 100)), "0\n1\n2\n5\n100\n");
}

TEST_F(exec_in_place, resets_the_signals)
{
  const pipe_ends ends = make_pipe(60);
  command what = helper({"sigdispositions"}).stdout_to(stdio::from_fd(ends.write_end.get()));
  isolated([&] {
    std::signal(SIGHUP, SIG_IGN);
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGUSR1, [](int) {});
    exec(what);
  });
  EXPECT_EQ(read_line(ends.read_end.get()), "1 ignored");
  what = helper({"sigmask"}).stdout_to(stdio::from_fd(ends.write_end.get()));
  isolated([&] {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
    exec(what);
  });
  EXPECT_FALSE(becomes_readable(ends.read_end.get(), std::chrono::nanoseconds(0)));
}

TEST_F(exec_in_place, returns_when_it_fails_and_the_program_goes_on)
{
  isolated([] {
    sigset_t mask;
    ::sigemptyset(&mask);
    ::sigaddset(&mask, SIGUSR2);
    ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);

    EXPECT_EQ(exec(command("/nonexistent")), std::error_code(ENOENT, std::system_category()));
    EXPECT_EQ(exec(helper({"exit", "1"}).current_dir("/nonexistent")).value(), ENOENT);
    EXPECT_EQ(exec(helper({"exit", "1"}).map_fd(9999, 5)).value(), EBADF);
    EXPECT_EQ(exec(command("/nonexistent").stdin_from(stdio::null())).value(), ENOENT);
    command failing = helper({"exit", "1"});
    EXPECT_EQ(exec(failing.pre_exec([] { return std::make_error_code(std::errc::file_exists); })).value(), EEXIST);

    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    EXPECT_EQ(::sigismember(&mask, SIGUSR2), 1);
    EXPECT_EQ(::sigismember(&mask, SIGTERM), 0);
    EXPECT_TRUE(run(helper({"exit", "0"})).success());
  });
}

TEST_F(exec_in_place, a_failure_leaves_no_descriptor)
{
  const unique_fd a = pipe_with("A", 30);
  const unique_fd b = pipe_with("B", 30);
  isolated([&] {
    command what("/nonexistent"); // A swap needs copies of both.
    what.map_fd(a.get(), b.get()).map_fd(b.get(), a.get()).stdin_from(stdio::null());
    const std::set<int> before = open_descriptors();
    for (int i = 0; i < 3; ++i)
      EXPECT_EQ(exec(what).value(), ENOENT);
    EXPECT_EQ(open_descriptors(), before);
  });
}

TEST_F(exec_in_place, can_be_interrupted_while_it_waits_for_a_file)
{
  const scratch_directory scratch;
  const std::string fifo = scratch / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const exit_status status = in_copy([&] {
    sigevent how{};
    how.sigev_notify = SIGEV_SIGNAL;
    how.sigev_signo = SIGTERM;
    timer_t timer;
    ASSERT_EQ(::timer_create(CLOCK_MONOTONIC, &how, &timer), 0);
    const itimerspec once{{}, {0, 100'000'000}};
    ASSERT_EQ(::timer_settime(timer, 0, &once, nullptr), 0);
    exec(helper({"cat"}).stdin_from(stdio::read_file(fifo)));
  });
  EXPECT_EQ(status.signal(), SIGTERM);
}

TEST_F(exec_in_place, mistakes_change_nothing)
{
  isolated([] {
    std::signal(SIGUSR1, [](int) {});
    EXPECT_EQ(exec(command("")), std::errc::invalid_argument);
    EXPECT_EQ(exec(helper({"exit", std::string_view("\0", 1)})), std::errc::invalid_argument);
    EXPECT_EQ(exec(helper({"exit"}).env("", "x")), std::errc::invalid_argument);
    for (const command& piped : {helper({"cat"}).stdin_from(stdio::pipe()), helper({"cat"}).stdout_to(stdio::pipe()),
                                 helper({"cat"}).stderr_to(stdio::pipe())})
      EXPECT_EQ(exec(piped), std::errc::invalid_argument);
    struct sigaction current;
    ::sigaction(SIGUSR1, nullptr, &current);
    EXPECT_TRUE(current.sa_handler != SIG_DFL);
  });
}

} // namespace
} // namespace subprocess::tests
