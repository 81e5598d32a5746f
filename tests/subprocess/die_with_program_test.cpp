#include <subprocess/spawn.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <subprocess/capture.hpp>

#include "support/deadline.hpp"
#include "support/forking_host.hpp"
#include "support/isolated.hpp"
#include "support/launchers.hpp"
#include "support/pipes.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

// Less than the helper lives by itself.
constexpr std::chrono::seconds before_it_ends_itself{20};

/// A fork of this program, which is killed at the end.
class doomed_host {
public:
  explicit doomed_host(const std::function<void()>& body) : pid_(::fork())
  {
    if (pid_ != 0)
      return;
    ::alarm(60);
    try {
      body();
    } catch (...) {
      ::_exit(1);
    }
    for (;;)
      ::pause();
  }
  ~doomed_host() { kill(); }
  doomed_host(const doomed_host&) = delete;
  doomed_host& operator=(const doomed_host&) = delete;

  pid_t id() const { return pid_; }

  void kill()
  {
    if (pid_ == -1)
      return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

private:
  pid_t pid_;
};

std::size_t count_threads()
{
  DIR* const directory = ::opendir("/proc/self/task");
  std::size_t count = 0;
  while (const dirent* entry = ::readdir(directory))
    count += entry->d_name[0] != '.';
  ::closedir(directory);
  return count;
}

class die_with_program : public per_launcher {
protected:
  /// Says "ready", and holds the stream until it dies.
  command holding(const pipe_ends& ends) const
  {
    return helper({"ready-then-hang"}).stdout_to(stdio::from_fd(ends.write_end.get())).die_with_program();
  }

  static void expect_ready(const pipe_ends& ends, int count = 1)
  {
    for (int i = 0; i < count; ++i)
      EXPECT_EQ(read_line(ends.read_end.get()), "ready");
  }

  /// Whether everybody who could write has gone.
  static void expect_end(pipe_ends& ends)
  {
    ends.write_end.reset();
    ASSERT_TRUE(becomes_readable(ends.read_end.get(), before_it_ends_itself)) << "a child lives on";
    EXPECT_EQ(read_all(ends.read_end.get()), "");
  }

  /// That a child goes with its program while it waits for a file that nobody ever opens.
  void expect_end_at_a_fifo(const std::function<void(const command&)>& start) const
  {
    const scratch_directory scratch;
    const std::string fifo = scratch / "fifo";
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    pipe_ends ends = make_pipe();
    command waiting = program("sh", {"-c", "echo it ran; cat"});
    waiting.stdin_from(stdio::read_file(fifo)).stdout_to(stdio::from_fd(ends.write_end.get()));
    {
      doomed_host killed([&] { start(waiting); });
      EXPECT_TRUE(eventually([&] { return child_of(killed.id()) > 0; }));
    }
    expect_end(ends);
  }
};
SUBPROCESS_FOR_EACH_LAUNCHER(die_with_program);

TEST_P(die_with_program, the_program_takes_its_child_along)
{
  pipe_ends ends = make_pipe();
  {
    doomed_host killed([&] { spawn(holding(ends)); });
    expect_ready(ends);
  }
  expect_end(ends);
}

TEST_P(die_with_program, it_does_so_by_exiting_too)
{
  pipe_ends ends = make_pipe();
  EXPECT_EQ(in_worker([&] {
              spawn(holding(ends));
              expect_ready(ends);
              return 0;
            }).code(),
            0);
  expect_end(ends);
}

TEST_P(die_with_program, a_child_without_it_lives_on)
{
  pipe_ends ends = make_pipe();
  pid_t left = -1;
  {
    doomed_host killed([&] { spawn(holding(ends).die_with_program(false)); });
    expect_ready(ends);
    left = child_of(killed.id());
  }
  ASSERT_GT(left, 0);
  ends.write_end.reset();
  EXPECT_FALSE(becomes_readable(ends.read_end.get(), 100ms));
  ::kill(left, SIGKILL);
}

TEST_P(die_with_program, the_end_of_the_spawning_thread_is_not_the_programs)
{
  child cat;
  std::thread([&] {
    cat = spawn(helper({"cat"}).stdin_from(stdio::pipe()).stdout_to(stdio::pipe()).die_with_program());
  }).join();
  write_all(cat.stdin_pipe().get(), "alive\n");
  EXPECT_EQ(read_line(cat.stdout_pipe().get()), "alive");
  EXPECT_TRUE(end_of(cat).success());
}

TEST_P(die_with_program, the_signal_is_that_of_the_kernel)
{
  EXPECT_EQ(output_of(helper({"parent-death-signal"}).die_with_program()), "9\n");
  EXPECT_EQ(output_of(helper({"parent-death-signal"}).die_with_program().die_with_program(false)), "0\n");
}

TEST_P(die_with_program, everything_else_is_as_without)
{
  EXPECT_EQ(output_of(helper({"sigmask"}).die_with_program()), output_of({"sigmask"}));
  EXPECT_EQ(output_of(helper({"sigdispositions"}).die_with_program()), output_of({"sigdispositions"}));
  EXPECT_EQ(output_of(helper({"fds"}).die_with_program()), output_of({"fds"}));
  const spawn_failure failure = failure_of(program("/nonexistent").die_with_program());
  EXPECT_EQ(failure.step, spawn_step::exec);
  EXPECT_EQ(failure.code.value(), ENOENT);
}

TEST_P(die_with_program, excludes_another_signal_for_the_same)
{
  const spawn_failure failure = failure_of(helper({"exit", "0"}).die_with_program().parent_death_signal(SIGTERM));
  EXPECT_EQ(failure.step, spawn_step::prepare);
  EXPECT_EQ(failure.code.value(), EINVAL);
}

TEST_P(die_with_program, one_thread_does_for_all)
{
  spawn(helper({"exit", "0"}).die_with_program()).wait();
  const std::size_t before = count_threads();
  for (int i = 0; i < 10; ++i)
    spawn(helper({"exit", "0"}).die_with_program()).wait();
  EXPECT_EQ(count_threads(), before);
}

TEST_P(die_with_program, holds_for_many_from_several_threads)
{
  constexpr int threads = 8;
  constexpr int each = 10;
  pipe_ends ends = make_pipe();
  {
    doomed_host killed([&] {
      std::vector<std::thread> spawning;
      for (int i = 0; i < threads; ++i)
        spawning.emplace_back([&] {
          for (int j = 0; j < each; ++j)
            spawn(holding(ends));
        });
      for (std::thread& one : spawning)
        one.join();
    });
    expect_ready(ends, threads * each);
  }
  expect_end(ends);
}

TEST_P(die_with_program, holds_in_a_fork_of_the_program)
{
  // The parent has its thread for it, which the copy has not.
  child own = spawn(helper({"cat"}).stdin_from(stdio::pipe()).stdout_to(stdio::pipe()).die_with_program());
  pipe_ends ends = make_pipe();
  {
    doomed_host killed([&] {
      spawn(holding(ends));
      spawn(holding(ends));
    });
    expect_ready(ends, 2);
  }
  expect_end(ends);
  write_all(own.stdin_pipe().get(), "alive\n");
  EXPECT_EQ(read_line(own.stdout_pipe().get()), "alive") << "it died with a fork of its parent";
  EXPECT_TRUE(end_of(own).success());
}

TEST_P(die_with_program, holds_while_the_program_forks)
{
  forking_host forks(rounds(40));
  forks.meanwhile([&] { EXPECT_TRUE(run(helper({"exit", "0"}).die_with_program()).success()); });
}

TEST_P(die_with_program, reaches_a_child_that_is_not_its_program_yet)
{
  expect_end_at_a_fifo([](const command& waiting) { spawn(command(waiting).die_with_program()); });
}

TEST_P(die_with_program, nobody_is_left_at_a_file_whose_spawn_was_waited_for)
{
  expect_end_at_a_fifo([](const command& waiting) { spawn(waiting); });
}

TEST_P(die_with_program, is_not_left_to_a_program_whose_streams_were_files)
{
  const command what = helper({"parent-death-signal"}).stdin_from(stdio::read_file("/dev/null"));
  EXPECT_EQ(output_of(what), "0\n");
  EXPECT_EQ(output_of(command(what).parent_death_signal(SIGTERM)), "15\n");
  EXPECT_EQ(output_of(command(what).die_with_program()), "9\n");
}

TEST_P(die_with_program, survives_a_change_of_the_child_s_user)
{
  if (::geteuid() != 0 || GetParam() == launcher::clone)
    GTEST_SKIP() << "needs root, and a memory of its own";
  const scratch_directory scratch;
  const command what = program(scratch.helper_as("tool"), {"parent-death-signal"}).uid(64321).gid(64322);
  EXPECT_EQ(output_of(command(what).die_with_program()), "9\n");
}

TEST_P(die_with_program, goes_with_hooks)
{
  if (GetParam() == launcher::clone)
    GTEST_SKIP() << "has no hooks";
  pipe_ends ends = make_pipe();
  {
    doomed_host killed([&] { spawn(holding(ends).pre_exec([] { return std::error_code(); })); });
    expect_ready(ends);
  }
  expect_end(ends);
}

TEST_P(die_with_program, means_nothing_to_exec)
{
  const exit_status status = in_copy([&] {
    exec(helper({"parent-death-signal"}).die_with_program());
    ADD_FAILURE() << "came back";
  });
  EXPECT_EQ(status.code(), 0);
}

TEST_P(die_with_program, lets_the_program_change_its_user)
{
  if (::geteuid() != 0)
    GTEST_SKIP() << "needs root";
  isolated([&] { // Which libc does in all threads, and waits for each.
    spawn(helper({"exit", "0"}).die_with_program()).wait();
    EXPECT_EQ(::setresuid(65534, 65534, 0), 0);
    EXPECT_EQ(::setresuid(0, 0, 0), 0);
  });
}

TEST_P(die_with_program, without_a_thread_is_an_error)
{
  isolated([&] {
    if (::geteuid() == 0) {
      ASSERT_EQ(::setgid(64322), 0);
      ASSERT_EQ(::setuid(64323), 0);
    }
    const rlimit none{0, 0};
    ASSERT_EQ(::setrlimit(RLIMIT_NPROC, &none), 0);
    const spawn_failure failure = failure_of(helper({"exit", "0"}).die_with_program());
    EXPECT_EQ(failure.step, spawn_step::fork);
    EXPECT_EQ(failure.code.value(), EAGAIN);
  });
}

} // namespace
} // namespace subprocess::tests
