#include <subprocess/error.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <cerrno>
#include <sstream>
#include <type_traits>

#include <subprocess/spawn.hpp>

#include "support/isolated.hpp"
#include "support/launchers.hpp"

namespace subprocess::tests {
namespace {

TEST(spawn_step, is_called_as_the_enumerator_is_written)
{
  constexpr const char* names[] = {"prepare",
                                   "pipe",
                                   "pty",
                                   "fork",
                                   "stdio",
                                   "map_fd",
                                   "cgroup",
                                   "oom_score_adj",
                                   "namespaces",
                                   "open_file",
                                   "signals",
                                   "setsid",
                                   "setpgid",
                                   "controlling_terminal",
                                   "foreground",
                                   "setrlimit",
                                   "scheduling",
                                   "nice",
                                   "affinity",
                                   "chroot",
                                   "setgroups",
                                   "setgid",
                                   "setuid",
                                   "capabilities",
                                   "no_new_privs",
                                   "parent_death_signal",
                                   "die_with_program",
                                   "chdir",
                                   "pre_exec",
                                   "exec",
                                   "output",
                                   "wait",
                                   "time_limit"};
  int value = 0;
  for (const char* name : names) {
    const auto step = static_cast<spawn_step>(value++);
    EXPECT_EQ(to_string(step), name);
    std::ostringstream out;
    out << step;
    EXPECT_EQ(out.str(), name);
  }
  EXPECT_EQ(static_cast<int>(spawn_step::time_limit) + 1, value);
  EXPECT_EQ(to_string(static_cast<spawn_step>(99)), "unknown step");
}

TEST(spawn_failure, is_true_when_there_is_one)
{
  spawn_failure failure;
  EXPECT_FALSE(failure);
  failure.code = std::make_error_code(std::errc::no_such_file_or_directory);
  EXPECT_TRUE(failure);
}

TEST(spawn_error, tells_program_step_detail_and_reason)
{
  const std::error_code missing(ENOENT, std::system_category());
  const spawn_error plain({missing, spawn_step::exec, "frobnicate", ""});
  EXPECT_STREQ(plain.what(), "spawn \"frobnicate\": exec: No such file or directory");
  const spawn_error detailed({missing, spawn_step::chdir, "cat", "\"/nope\""});
  EXPECT_STREQ(detailed.what(), "spawn \"cat\": chdir \"/nope\": No such file or directory");
  EXPECT_EQ(detailed.step(), spawn_step::chdir);
  EXPECT_EQ(detailed.program(), "cat");
  EXPECT_EQ(detailed.detail(), "\"/nope\"");
  EXPECT_EQ(detailed.code(), missing);
  EXPECT_EQ(detailed.failure().context(), "spawn \"cat\": chdir \"/nope\"");
}

TEST(spawn_error, tells_of_a_program_that_was_running)
{
  const std::error_code late(ETIMEDOUT, std::system_category());
  EXPECT_STREQ(spawn_error({late, spawn_step::time_limit, "sleep", "300 ms"}).what(),
               "run \"sleep\": time limit of 300 ms has passed");
  EXPECT_STREQ(spawn_error({late, spawn_step::time_limit, "sleep", "deadline"}).what(),
               "run \"sleep\": deadline has passed");
  const std::error_code lost(ECHILD, std::system_category());
  EXPECT_STREQ(spawn_error({lost, spawn_step::wait, "sleep", ""}).what(), "run \"sleep\": wait: No child processes");
}

TEST(spawn_error, is_copied_without_throwing)
{
  EXPECT_TRUE(std::is_nothrow_copy_constructible_v<spawn_error>);
}

class errors : public per_launcher {
protected:
  static std::string what_of(const command& what)
  {
    try {
      child started = spawn(what);
      ADD_FAILURE() << to_string(what) << " was spawned";
      end_of(started);
    } catch (const spawn_error& error) {
      return error.what();
    }
    return {};
  }

  std::string what_of_helper(const std::string& step_and_reason) const
  {
    return "spawn \"" + helper_path() + "\": " + step_and_reason;
  }
};
SUBPROCESS_FOR_EACH_LAUNCHER(errors);

TEST_P(errors, of_a_missing_program_read_like_this)
{
  EXPECT_EQ(what_of(program("frobnicate")), "spawn \"frobnicate\": exec: No such file or directory");
  EXPECT_EQ(what_of(program("/etc/passwd")), "spawn \"/etc/passwd\": exec: Permission denied");
}

TEST_P(errors, name_the_step_and_what_it_was_about)
{
  const command hang = helper({"hang"});
  EXPECT_EQ(what_of(command(hang).current_dir("/nope")), what_of_helper("chdir \"/nope\": No such file or directory"));
  EXPECT_EQ(what_of(command(hang).stdin_from(stdio::read_file("/nope/x"))),
            what_of_helper("open_file \"/nope/x\": No such file or directory"));
  EXPECT_EQ(what_of(command(hang).stdout_to(stdio::from_fd(9999))),
            what_of_helper("stdio stdout: Bad file descriptor"));
  EXPECT_EQ(what_of(command(hang).map_fd(0, 10).map_fd(9999, 11)),
            what_of_helper("map_fd 9999→11: Bad file descriptor"));
  EXPECT_EQ(what_of(command(hang).arg(std::string("a\0b", 3))),
            what_of_helper("prepare argument: NUL byte: Invalid argument"));
  EXPECT_EQ(what_of(command(hang).env_remove("A=B")), what_of_helper("prepare variable \"A=B\": Invalid argument"));
  EXPECT_EQ(what_of(program("")), "spawn \"\": prepare program: empty: Invalid argument");
  EXPECT_EQ(what_of(command(hang).process_group(-5)), what_of_helper("setpgid -5: Invalid argument"));
}

TEST_P(errors, are_the_same_in_all_three_forms)
{
  const command what = program("frobnicate");
  std::error_code ec;
  EXPECT_EQ(spawn(what, ec).id(), -1);
  EXPECT_EQ(ec, std::error_code(ENOENT, std::system_category()));
  spawn_failure failure;
  EXPECT_EQ(spawn(what, failure).id(), -1);
  EXPECT_EQ(failure.code, ec);
  EXPECT_EQ(failure.step, spawn_step::exec);
  EXPECT_EQ(failure.program, "frobnicate");
  EXPECT_THROW(spawn(what), spawn_error);
  EXPECT_THROW(run(what), spawn_error);
  EXPECT_THROW(capture(what), spawn_error);
  run(what, ec = {});
  EXPECT_EQ(ec.value(), ENOENT);
  capture(what, ec = {});
  EXPECT_EQ(ec.value(), ENOENT);
}

TEST_P(errors, are_cleared_by_a_spawn_that_works)
{
  std::error_code ec(EIO, std::system_category());
  child first = spawn(helper({"exit", "0"}), ec);
  EXPECT_FALSE(ec);
  spawn_failure failure{ec = std::error_code(EIO, std::system_category()), spawn_step::chdir, "x", "y"};
  child second = spawn(helper({"exit", "0"}), failure);
  EXPECT_FALSE(failure);
  EXPECT_TRUE(end_of(first).success());
  EXPECT_TRUE(end_of(second).success());
}

TEST_P(errors, a_program_that_fails_is_none)
{
  std::error_code ec;
  EXPECT_EQ(run(helper({"exit", "1"}), ec).code(), 1);
  EXPECT_FALSE(ec);
  EXPECT_NO_THROW(run(helper({"signal", "9"})));
}

} // namespace
} // namespace subprocess::tests
