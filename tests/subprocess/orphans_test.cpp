#include <subprocess/detail/process/orphans.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <list>

#include <subprocess/spawn.hpp>

#include "support/deadline.hpp"
#include "support/isolated.hpp"
#include "support/launchers.hpp"

namespace subprocess::tests {
namespace {

class dropping : public per_launcher {
protected:
  child cat() const { return spawn(helper({"cat"}).stdin_from(stdio::pipe()).stdout_to(stdio::pipe())); }

  /// Whether later spawns reap the child.
  bool is_reaped_by_spawns(pid_t pid) const
  {
    return eventually([&] {
      run(helper({"exit", "0"}));
      return !is_our_child(pid);
    });
  }
};
SUBPROCESS_FOR_EACH_LAUNCHER(dropping);

TEST_P(dropping, a_running_child_leaves_it_running)
{
  unique_fd input;
  unique_fd output;
  pid_t pid;
  {
    child dropped = cat();
    pid = dropped.id();
    input = std::move(dropped.stdin_pipe());
    output = std::move(dropped.stdout_pipe());
  }
  run(helper({"exit", "0"}));
  write_all(input.get(), "alive\n");
  EXPECT_EQ(read_line(output.get()), "alive");
  input.reset();
  EXPECT_EQ(read_all(output.get()), "");
  EXPECT_TRUE(is_reaped_by_spawns(pid));
}

TEST_P(dropping, a_child_closes_its_pipes)
{
  pid_t pid;
  {
    const child dropped = cat();
    pid = dropped.id();
  } // So cat sees the end of its input.
  EXPECT_TRUE(is_reaped_by_spawns(pid));
}

TEST_P(dropping, a_child_that_has_ended_reaps_it_at_once)
{
  pid_t pid;
  {
    const child dropped = spawn(helper({"exit", "0"}));
    pid = dropped.id();
    siginfo_t info;
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT), 0);
  }
  EXPECT_FALSE(is_our_child(pid));
}

TEST_P(dropping, a_child_by_assignment_is_the_same)
{
  child kept = cat();
  const pid_t first = kept.id();
  kept = cat();
  EXPECT_NE(kept.id(), first);
  EXPECT_TRUE(is_reaped_by_spawns(first));
  child& itself = kept;
  kept = std::move(itself);
  EXPECT_TRUE(end_of(kept).success());
}

TEST_P(dropping, with_kill_on_destroy_kills)
{
  unique_fd output;
  pid_t pid;
  {
    child dropped = spawn(helper({"ready-then-hang"}).stdout_to(stdio::pipe()).kill_on_destroy(true));
    pid = dropped.id();
    output = std::move(dropped.stdout_pipe());
    EXPECT_EQ(read_line(output.get()), "ready");
  }
  EXPECT_EQ(read_all(output.get()), ""); // Ends only with the child.
  EXPECT_TRUE(is_reaped_by_spawns(pid));
}

TEST_P(dropping, kill_on_destroy_moves_along)
{
  unique_fd output;
  pid_t pid;
  {
    child first = spawn(helper({"hang"}).stdout_to(stdio::pipe()).kill_on_destroy(true));
    pid = first.id();
    output = std::move(first.stdout_pipe());
    child second = std::move(first);
    first = child();
    EXPECT_EQ(second.try_wait(), std::nullopt);
    child third;
    third = std::move(second);
  }
  EXPECT_EQ(read_all(output.get()), "");
  EXPECT_TRUE(is_reaped_by_spawns(pid));
}

TEST_P(dropping, without_kill_on_destroy_said_or_denied_does_not_kill)
{
  pid_t pid;
  {
    const child dropped = spawn(helper({"hang"}).kill_on_destroy(false).stop_on_destroy());
    pid = dropped.id();
  }
  EXPECT_EQ(::kill(pid, 0), 0);
  siginfo_t info{};
  EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT), 0);
  EXPECT_EQ(info.si_pid, 0) << "it has ended";
  ::kill(pid, SIGTERM);
  siginfo_t end{};
  EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &end, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(end.si_status, SIGTERM);
  EXPECT_TRUE(is_reaped_by_spawns(pid));
}

TEST_P(dropping, a_child_that_was_waited_for_leaves_nothing)
{
  const pid_t pid = [&] {
    child waited = cat();
    waited.wait();
    return waited.id();
  }();
  EXPECT_FALSE(is_our_child(pid));
}

TEST_P(dropping, many_children_leaves_no_zombies_in_the_end)
{
  std::list<pid_t> pids;
  for (int i = 0; i < 100; ++i) {
    const child dropped = cat();
    pids.push_back(dropped.id());
  }
  for (const pid_t pid : pids)
    EXPECT_TRUE(is_reaped_by_spawns(pid));
}

TEST_P(dropping, a_child_that_runs_on_does_not_keep_others_unreaped)
{
  unique_fd input;
  std::list<pid_t> running;
  for (int i = 0; i < 40; ++i) { // More than one spawn looks at.
    child dropped = spawn(helper({"hang"}).kill_on_destroy(false));
    running.push_back(dropped.id());
  }
  pid_t pid;
  {
    const child dropped = cat();
    pid = dropped.id();
  }
  EXPECT_TRUE(is_reaped_by_spawns(pid));
  for (const pid_t other : running) {
    EXPECT_TRUE(is_our_child(other));
    ::kill(other, SIGKILL);
  }
  for (const pid_t other : running)
    EXPECT_TRUE(is_reaped_by_spawns(other));
}

TEST_P(dropping, a_child_that_other_code_reaped_is_no_trouble)
{
  pid_t pid;
  {
    const child dropped = cat();
    pid = dropped.id();
  }
  siginfo_t info;
  ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED); // Reaped here, or was already.
  EXPECT_TRUE(is_reaped_by_spawns(pid));
}

// A forked copy of the host: what it destroys is the parent's business.

using copying_the_host = dropping;
SUBPROCESS_FOR_EACH_LAUNCHER(copying_the_host);

TEST_P(copying_the_host, and_destroying_its_children_there_kills_nothing)
{
  child cat = spawn(helper({"cat"}).stdin_from(stdio::pipe()).stdout_to(stdio::pipe()).kill_on_destroy(true));
  isolated([&] {
    cat = child();
    EXPECT_FALSE(has_children());
    EXPECT_TRUE(run(helper({"exit", "0"})).success()); // And may have its own.
  });
  write_all(cat.stdin_pipe().get(), "alive\n");
  EXPECT_EQ(read_line(cat.stdout_pipe().get()), "alive");
  EXPECT_TRUE(end_of(cat).success());
}

TEST_P(copying_the_host, and_waiting_there_finds_no_child)
{
  child cat = this->cat();
  isolated([&] {
    std::error_code ec;
    EXPECT_EQ(cat.wait(ec), exit_status());
    EXPECT_EQ(ec, std::errc::no_child_process);
    cat.kill(ec = {});
    EXPECT_EQ(ec, std::errc::invalid_argument);
  });
  EXPECT_EQ(cat.try_wait(), std::nullopt);
  EXPECT_TRUE(end_of(cat).success());
}

TEST_P(copying_the_host, leaves_the_orphans_to_the_parent)
{
  unique_fd input;
  pid_t pid;
  {
    child dropped = cat();
    pid = dropped.id();
    input = std::move(dropped.stdin_pipe());
  }
  isolated([&] {
    EXPECT_TRUE(run(helper({"exit", "0"})).success());
    EXPECT_EQ(::kill(pid, 0), 0);
  });
  EXPECT_TRUE(is_our_child(pid));
  input.reset();
  EXPECT_TRUE(is_reaped_by_spawns(pid));
}

} // namespace
} // namespace subprocess::tests
