#include <subprocess/spawn.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "support/isolated.hpp"
#include "support/deadline.hpp"
#include "support/launchers.hpp"
#include "support/pipes.hpp"
#include "support/pipes.hpp"

namespace subprocess::tests {
namespace {

TEST(launchers, are_chosen_or_refused_as_asked)
{
  child automatic = spawn(helper({"exit", "0"}));
  EXPECT_TRUE(end_of(automatic).success());
  EXPECT_NE(automatic.launcher_used(), launcher::automatic);

  spawn_failure failure;
  child forked = spawn(helper({"exit", "0"}).use_launcher(launcher::fork), failure);
  ASSERT_FALSE(failure);
  EXPECT_EQ(forked.launcher_used(), launcher::fork);
  EXPECT_TRUE(end_of(forked).success());
}

TEST(launchers, hooks_need_fork)
{
  command what = helper({"exit", "0"}).pre_exec([] { return std::error_code(); });
  child started = spawn(what);
  EXPECT_EQ(started.launcher_used(), launcher::fork);
  EXPECT_TRUE(end_of(started).success());

  spawn_failure failure; // And what was asked for is not silently replaced.
  EXPECT_EQ(spawn(what.use_launcher(launcher::clone), failure).id(), -1);
  EXPECT_TRUE(failure);
}

using spawning = per_launcher;
SUBPROCESS_FOR_EACH_LAUNCHER(spawning);

TEST_P(spawning, uses_the_launcher_that_was_asked_for)
{
  child started = spawn(helper({"exit", "0"}));
  EXPECT_EQ(started.launcher_used(), GetParam());
  EXPECT_TRUE(end_of(started).success());
}

TEST_P(spawning, tells_the_childs_number)
{
  child started = spawn(helper({"session"}).stdout_to(stdio::pipe()));
  const pid_t pid = started.id();
  EXPECT_TRUE(is_our_child(pid));
  char buffer[64] = {};
  EXPECT_GT(::read(started.stdout_pipe().get(), buffer, sizeof buffer - 1), 0);
  EXPECT_EQ(std::atoi(buffer), pid);
  EXPECT_TRUE(end_of(started).success());
}

TEST_P(spawning, returns_when_the_program_runs)
{
  child started = spawn(helper({"hang"}));
  EXPECT_EQ(std::filesystem::read_symlink("/proc/" + std::to_string(started.id()) + "/exe"),
            std::filesystem::canonical(helper_path()));
  started.kill();
  EXPECT_EQ(end_of(started).signal(), SIGKILL);
}

TEST_P(spawning, what_fails_leaves_no_zombie_and_no_descriptor)
{
  const baseline_check before;
  command full = program("/nonexistent");
  full.stdin_from(stdio::pipe()).stdout_to(stdio::pipe()).stderr_to(stdio::pipe());
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(failure_of(full).code.value(), ENOENT);
    EXPECT_FALSE(has_children()); // Reaped before it is reported.
  }
  for (command what : {command(full).current_dir("/nonexistent"), command(full).map_fd(9999, 3),
                       command(full).arg(std::string(1, '\0')), command(full).stderr_to(stdio::read_file("/nope")),
                       command(full).process_group(-1)}) {
    failure_of(what);
    EXPECT_FALSE(has_children());
  }
  before.verify();
}

TEST_P(spawning, runs_and_waits)
{
  EXPECT_TRUE(run(helper({"exit", "0"})).success());
  EXPECT_EQ(run(helper({"exit", "9"})).code(), 9);
  EXPECT_EQ(run(helper({"signal", "6"})).signal(), SIGABRT);
  EXPECT_TRUE(run(helper({"cat"}).stdin_from(stdio::pipe()).stdout_to(stdio::null())).success());
}

TEST_P(spawning, runs_to_the_end_whatever_is_written_where_nobody_reads)
{
  for (const stdio& kind : {stdio::pipe(), stdio::socket(), stdio::pty()}) {
    EXPECT_TRUE(run(helper({"flood", "300000"}).stdout_to(kind).stderr_to(kind)).success());
    EXPECT_TRUE(run(helper({"write", "1", "300000"}).stdout_to(kind), {.limit = patience}).success());
    EXPECT_TRUE(run(helper({"write", "2", "300000"}).stderr_to(kind)).success());
  }
}

TEST_P(spawning, runs_no_longer_than_the_child_though_others_hold_its_streams)
{
  for (const stdio& kind : {stdio::pipe(), stdio::socket()}) {
    pipe_ends alive = make_pipe();
    command what = program("sh", {"-c", "sleep 1000 3<&- & echo $! >&3"}).map_fd(alive.write_end.get(), 3);
    EXPECT_TRUE(run(what.stdout_to(kind)).success());
    ::kill(std::atoi(read_line(alive.read_end.get()).c_str()), SIGKILL);
  }
}

TEST_P(spawning, the_real_programs_of_the_system_works)
{
  EXPECT_TRUE(run(program("true")).success());
  EXPECT_EQ(run(program("false")).code(), 1);
  EXPECT_EQ(output_of(program("sh", {"-c", "echo $1", "sh", "hello"})), "hello\n");
}

// Sessions and process groups.

struct ids {
  pid_t pid = 0;
  pid_t group = 0;
  pid_t session = 0;
};

class grouping : public per_launcher {
protected:
  ids ids_of(const command& what) const
  {
    ids result;
    std::istringstream(output_of(what)) >> result.pid >> result.group >> result.session;
    return result;
  }
};
SUBPROCESS_FOR_EACH_LAUNCHER(grouping);

TEST_P(grouping, is_inherited_unless_asked_for)
{
  const ids child = ids_of(helper({"session"}));
  EXPECT_EQ(child.group, ::getpgrp());
  EXPECT_EQ(child.session, ::getsid(0));
  const ids denied = ids_of(helper({"session"}).session_leader(false));
  EXPECT_EQ(denied.session, ::getsid(0));
}

TEST_P(grouping, a_group_of_its_own)
{
  const ids child = ids_of(helper({"session"}).process_group());
  EXPECT_EQ(child.group, child.pid);
  EXPECT_EQ(child.session, ::getsid(0));
}

TEST_P(grouping, is_there_as_soon_as_the_spawn_returns)
{
  child leader = spawn(helper({"hang"}).process_group(0));
  EXPECT_EQ(::getpgid(leader.id()), leader.id());
  EXPECT_EQ(::kill(-leader.id(), SIGTERM), 0);
  EXPECT_EQ(end_of(leader).signal(), SIGTERM);
}

TEST_P(grouping, an_existing_group_is_joined)
{
  child leader = spawn(helper({"hang"}).process_group(0));
  EXPECT_EQ(ids_of(helper({"session"}).process_group(leader.id())).group, leader.id());
  leader.kill();
  EXPECT_EQ(end_of(leader).signal(), SIGKILL);
}

TEST_P(grouping, a_group_that_is_not_there_is_an_error)
{
  child gone = spawn(helper({"exit", "0"}).process_group(0));
  EXPECT_TRUE(end_of(gone).success());
  const spawn_failure failure = failure_of(helper({"session"}).process_group(gone.id()));
  EXPECT_EQ(failure.step, spawn_step::setpgid);
  EXPECT_TRUE(failure.code.value() == EPERM || failure.code.value() == ESRCH) << failure.code.message();
  EXPECT_EQ(failure.detail, std::to_string(gone.id()));
}

TEST_P(grouping, a_session_of_its_own)
{
  for (const command& what :
       {helper({"session"}).session_leader(), helper({"session"}).session_leader().process_group(0)}) {
    const ids child = ids_of(what);
    EXPECT_EQ(child.session, child.pid);
    EXPECT_EQ(child.group, child.pid);
  }
}

TEST_P(grouping, a_session_leader_has_no_terminal)
{
  EXPECT_NE(run(program("sh", {"-c", ": < /dev/tty"}).session_leader().stderr_to(stdio::null())).code(), 0);
}

} // namespace
} // namespace subprocess::tests
