#include <subprocess/spawn.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <functional>
#include <ios>
#include <stdexcept>
#include <utility>
#include <vector>

#include <subprocess/capture.hpp>

#include "support/baseline.hpp"
#include "support/deadline.hpp"
#include "support/descriptor_table.hpp"
#include "support/isolated.hpp"
#include "support/programs.hpp"

namespace subprocess::tests {
namespace {

const std::error_code fine;

/// Hooks run on one launcher alone, so these tests have no parameter.
class hooks : public baseline {
protected:
  static std::function<std::error_code()> writing(const char* letter)
  {
    return [letter] { return ::write(2, letter, 1) == 1 ? fine : std::error_code(errno, std::system_category()); };
  }

  static spawn_failure failure_of(const command& what)
  {
    spawn_failure failure;
    child started = spawn(what, failure);
    EXPECT_TRUE(failure);
    if (!failure)
      end_of(started);
    EXPECT_FALSE(has_children());
    return failure;
  }
};

TEST_F(hooks, run_in_order_in_the_child_and_before_the_program)
{
  const pid_t parent = ::getpid();
  command what = helper({"stdin-to-stderr"});
  what.pre_exec(writing("a")).pre_exec(writing("b")).pre_exec([parent] {
    return ::getpid() == parent ? std::make_error_code(std::errc::operation_not_permitted) : fine;
  });
  what.pre_exec(writing("c"));
  const captured_output output = capture(what);
  EXPECT_TRUE(output.status.success());
  EXPECT_EQ(output.err, "abc");
}

TEST_F(hooks, see_everything_else_done)
{
  const scratch_directory scratch;
  const std::string expected = scratch.path();
  command what = helper({"exit", "0"});
  what.current_dir(expected).process_group(0).map_fd(1, 9).pre_exec([expected] {
    char path[4096];
    sigset_t mask;
    ::sigprocmask(SIG_SETMASK, nullptr, &mask);
    const bool all = ::getcwd(path, sizeof path) && expected == path && ::getpgrp() == ::getpid() &&
                     ::fcntl(9, F_GETFD) == 0 && ::sigismember(&mask, SIGTERM) == 0;
    return all ? fine : std::make_error_code(std::errc::state_not_recoverable);
  });
  EXPECT_TRUE(run(what).success());
}

TEST_F(hooks, change_what_the_program_gets)
{
  command what = helper({"umask"});
  EXPECT_EQ(capture(what.pre_exec([] {
              ::umask(0123);
              return fine;
            })).out,
            "0123\n");
}

TEST_F(hooks, are_used_at_each_spawn_and_by_copies)
{
  command what = helper({"exit", "0"});
  what.pre_exec(writing("x"));
  const command copy = what;
  EXPECT_EQ(capture(what).err, "x");
  EXPECT_EQ(capture(what).err, "x");
  EXPECT_EQ(capture(copy).err, "x");
}

TEST_F(hooks, fail_the_spawn_with_their_error)
{
  for (const std::error_category* category :
       {static_cast<const std::error_category*>(&std::system_category()), &std::generic_category()}) {
    command what = helper({"exit", "0"});
    const spawn_failure failure = failure_of(what.pre_exec([=] { return std::error_code(EDOM, *category); }));
    EXPECT_EQ(failure.code, std::error_code(EDOM, std::system_category()));
    EXPECT_EQ(failure.step, spawn_step::pre_exec);
    EXPECT_EQ(failure.detail, "");
  }
}

TEST_F(hooks, are_not_told_of_where_something_else_has_failed)
{
  const auto nothing = [] { return std::error_code(); };
  const spawn_failure failure =
      failure_of(helper({"exit", "0"}).current_dir("/no/such").pre_exec(nothing).pre_exec(nothing));
  EXPECT_EQ(failure.step, spawn_step::chdir);
  EXPECT_EQ(failure.detail, "\"/no/such\"");
}

TEST_F(hooks, that_fail_are_the_last_to_run)
{
  command what = helper({"exit", "0"});
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const unique_fd read_end(ends[0]);
  unique_fd write_end(ends[1]);
  what.stderr_to(stdio::from_fd(write_end.get()));
  what.pre_exec(writing("a"))
      .pre_exec([] { return std::make_error_code(std::errc::file_exists); })
      .pre_exec(writing("b"));
  const spawn_failure failure = failure_of(what);
  EXPECT_EQ(failure.code.value(), EEXIST);
  EXPECT_EQ(failure.detail, "hook 2");
  write_end.reset();
  char buffer[8] = {};
  EXPECT_EQ(::read(read_end.get(), buffer, sizeof buffer), 1);
  EXPECT_STREQ(buffer, "a");
}

TEST_F(hooks, with_an_error_of_a_foreign_category_are_an_invalid_argument)
{
  struct foreign_category : std::error_category {
    const char* name() const noexcept override { return "foreign"; }
    std::string message(int) const override { return "foreign"; }
  };
  static const foreign_category foreign;
  command what = helper({"exit", "0"});
  const spawn_failure failure = failure_of(what.pre_exec([] { return std::error_code(ENOENT, foreign); }));
  EXPECT_EQ(failure.code.value(), EINVAL);
  EXPECT_EQ(failure.step, spawn_step::pre_exec);
}

TEST_F(hooks, with_an_error_that_is_no_errno_are_an_invalid_argument)
{
  for (const int value : {-1, -ENOENT, INT_MIN}) {
    command what = helper({"exit", "0"});
    const spawn_failure failure =
        failure_of(what.pre_exec([value] { return std::error_code(value, std::system_category()); }));
    EXPECT_EQ(failure.code.value(), EINVAL) << value;
    EXPECT_EQ(failure.step, spawn_step::pre_exec);
  }
}

// Which is how std::error_code has it: a value of 0 is no error in any category.
TEST_F(hooks, with_a_value_of_zero_succeed)
{
  command what = helper({"exit", "0"});
  EXPECT_TRUE(run(what.pre_exec([] { return std::error_code(0, std::iostream_category()); })).success());
}

TEST_F(hooks, that_throw_end_the_child_and_nothing_else)
{
  const pid_t parent = ::getpid();
  command runtime = helper({"exit", "0"});
  runtime.pre_exec([]() -> std::error_code { throw std::runtime_error("no"); });
  EXPECT_EQ(failure_of(runtime).step, spawn_step::pre_exec);
  EXPECT_EQ(failure_of(runtime).code.value(), EINVAL);
  command number = helper({"exit", "0"});
  number.pre_exec([]() -> std::error_code { throw 42; });
  EXPECT_EQ(failure_of(number).step, spawn_step::pre_exec);
  command system = helper({"exit", "0"});
  system.pre_exec([]() -> std::error_code { throw std::system_error(EBADMSG, std::generic_category()); });
  EXPECT_EQ(failure_of(system).step, spawn_step::pre_exec);
  EXPECT_EQ(failure_of(system).code.value(), EBADMSG);
  EXPECT_EQ(::getpid(), parent) << "the child went on as the parent";
}

TEST_F(hooks, that_are_empty_are_an_error)
{
  command what = helper({"exit", "0"});
  EXPECT_EQ(failure_of(what.pre_exec({})).step, spawn_step::pre_exec);
}

TEST_F(hooks, that_exit_end_the_child_with_that_code)
{
  command what = helper({"exit", "0"});
  what.pre_exec([]() -> std::error_code { ::_exit(17); });
  EXPECT_EQ(run(what).code(), 17);
}

TEST_F(hooks, that_abort_end_the_child_with_that_signal)
{
  command what = helper({"exit", "0"});
  what.pre_exec([]() -> std::error_code {
    ::raise(SIGKILL);
    return fine;
  });
  EXPECT_EQ(run(what).signal(), SIGKILL);
}

TEST_F(hooks, that_take_too_long_are_what_took_so_long)
{
  command what = helper({"exit", "0"});
  what.pre_exec([]() -> std::error_code {
    for (;;)
      ::pause();
  });
  EXPECT_TRUE(given_enough_time(std::chrono::milliseconds(50), [&](std::chrono::milliseconds limit) {
    spawn_failure failure;
    std::error_code ec;
    run(what, {.limit = limit, .failure = &failure}, ec);
    EXPECT_EQ(ec, std::errc::timed_out);
    return failure.step == spawn_step::pre_exec; // And not what comes before them.
  }));
}

// What is in the way is moved to a number that has to be free in the child. For its hooks
// a pipe takes the last two.
TEST_F(hooks, leave_no_number_for_what_has_to_make_way)
{
  isolated([] {
    EXPECT_TRUE(run(helper({"exit", "0"})).success());
    const unique_fd program(::open(helper_path().c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_EQ(::dup3(program.get(), 0, O_CLOEXEC), 0);
    rlimit few{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &few), 0);
    few.rlim_cur = 128;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    std::vector<unique_fd> all = take_all_descriptors();
    command of_stdin = command::from_fd(0, "helper").args({"exit", "0"});
    of_stdin.pre_exec([] { return fine; });
    command swapping = helper({"exit", "0"}).pre_exec([] { return fine; });
    swapping.map_fd(all[0].get(), all[1].get()).map_fd(all[1].get(), all[0].get());
    all.resize(all.size() - 2);
    const spawn_failure of_stream = failure_of(of_stdin);
    EXPECT_EQ(of_stream.code.value(), EMFILE) << of_stream.context();
    EXPECT_EQ(of_stream.step, spawn_step::stdio);
    EXPECT_EQ(of_stream.detail, "stdin");
    const spawn_failure of_swap = failure_of(swapping);
    EXPECT_EQ(of_swap.code.value(), EMFILE) << of_swap.context();
    EXPECT_EQ(of_swap.step, spawn_step::map_fd);
    all.pop_back();
    EXPECT_TRUE(run(of_stdin).success());
    EXPECT_TRUE(run(swapping).success());
  });
}

// The pipe of a launch only wakes the parent: what comes through it says nothing.

std::error_code write_to_all_pipes(std::size_t size)
{
  const char garbage[64] = {'g', 'a', 'r', 'b', 'a', 'g', 'e'};
  for (int fd = 3; fd < 1024; ++fd) {
    struct stat info;
    if (::fstat(fd, &info) == 0 && S_ISFIFO(info.st_mode) && (::fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY &&
        ::write(fd, garbage, size) == -1)
      return {errno, std::system_category()};
  }
  return {};
}

TEST_F(hooks, that_write_to_the_librarys_pipe_change_nothing)
{
  for (const std::size_t size : {1u, 16u, 64u}) {
    command what = helper({"exit", "3"});
    EXPECT_EQ(run(what.pre_exec([size] { return write_to_all_pipes(size); })).code(), 3) << size;
  }
}

TEST_F(hooks, that_write_there_before_a_failure_do_not_hide_it)
{
  command what("/nonexistent");
  const spawn_failure failure = failure_of(what.pre_exec([] { return write_to_all_pipes(5); }));
  EXPECT_EQ(failure.code.value(), ENOENT);
  EXPECT_EQ(failure.step, spawn_step::exec);
}

} // namespace
} // namespace subprocess::tests
