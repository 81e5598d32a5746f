#include <subprocess/child_change.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <sstream>
#include <thread>

#include <subprocess/spawn.hpp>

#include "support/deadline.hpp"
#include "support/launchers.hpp"

namespace subprocess::tests {
namespace {

const child_change stopped{child_event::stopped, SIGSTOP, {}};
const child_change continued{child_event::continued, SIGCONT, {}};

TEST(child_change_data, is_a_value_that_can_be_printed)
{
  EXPECT_EQ(stopped, stopped);
  EXPECT_NE(stopped, continued);
  EXPECT_EQ(to_string(stopped), "stopped: " + std::to_string(SIGSTOP) + " (SIGSTOP)");
  EXPECT_EQ(to_string(continued), "continued: " + std::to_string(SIGCONT) + " (SIGCONT)");
  std::ostringstream out;
  out << child_change{child_event::ended, 0, exit_status(0)};
  EXPECT_EQ(out.str(), "exit code: 0");
}

class change_of_a_child : public per_launcher {};
SUBPROCESS_FOR_EACH_LAUNCHER(change_of_a_child);

TEST_P(change_of_a_child, is_told_once_each_in_their_order)
{
  child running = spawn(helper({"hang"}));
  EXPECT_EQ(running.try_wait_change(), std::nullopt);
  running.send_signal(SIGSTOP);
  EXPECT_EQ(running.wait_change(), stopped);
  EXPECT_EQ(running.try_wait_change(), std::nullopt);
  EXPECT_EQ(running.try_wait(), std::nullopt) << "stopped is not ended";
  running.send_signal(SIGCONT);
  EXPECT_EQ(running.wait_change(), continued);
  running.kill();
  const child_change end = running.wait_change();
  EXPECT_EQ(end.event, child_event::ended);
  EXPECT_EQ(end.signal, 0);
  EXPECT_EQ(end.status.signal(), SIGKILL);
  EXPECT_EQ(running.wait_change(), end);
  EXPECT_EQ(running.try_wait_change(), end);
  EXPECT_EQ(running.wait(), end.status);
}

TEST_P(change_of_a_child, names_the_signal_that_stopped_it)
{
  child running = spawn(helper({"hang"}).process_group(0));
  running.send_signal(SIGTTIN);
  // In a group that nobody can continue, the kernel does not stop it.
  running.send_signal(SIGSTOP);
  const child_change change = running.wait_change();
  EXPECT_EQ(change.event, child_event::stopped);
  EXPECT_TRUE(change.signal == SIGTTIN || change.signal == SIGSTOP);
  running.kill();
  EXPECT_EQ(end_of(running).signal(), SIGKILL);
}

TEST_P(change_of_a_child, takes_nothing_from_a_wait_for_the_end)
{
  child running = spawn(helper({"hang"}));
  running.send_signal(SIGSTOP);
  EXPECT_EQ(running.wait_for(std::chrono::milliseconds(20)), std::nullopt);
  EXPECT_EQ(running.wait_change(), stopped);
  running.kill();
  EXPECT_EQ(end_of(running).signal(), SIGKILL);
}

TEST_P(change_of_a_child, is_awaited_by_several_threads_that_all_hear_of_the_end)
{
  child running = spawn(helper({"hang"}));
  exit_status seen[2];
  std::thread other([&] {
    child_change change;
    do
      change = running.wait_change();
    while (change.event != child_event::ended);
    seen[0] = change.status;
  });
  running.send_signal(SIGSTOP);
  running.kill();
  child_change change;
  do
    change = running.wait_change();
  while (change.event != child_event::ended);
  seen[1] = change.status;
  other.join();
  EXPECT_EQ(seen[0].signal(), SIGKILL);
  EXPECT_EQ(seen[1].signal(), SIGKILL);
}

TEST_P(change_of_a_child, that_is_none_or_stolen_is_an_error)
{
  std::error_code ec;
  child().wait_change(ec);
  EXPECT_EQ(ec, std::errc::invalid_argument);
  EXPECT_THROW(child().try_wait_change(), std::system_error);

  child stolen = spawn(helper({"exit", "0"}));
  ASSERT_EQ(::waitpid(stolen.id(), nullptr, 0), stolen.id());
  EXPECT_EQ(stolen.wait_change(ec), child_change());
  EXPECT_EQ(ec, std::errc::no_child_process);
  EXPECT_EQ(stolen.try_wait_change(ec), std::nullopt);
  EXPECT_EQ(ec, std::errc::no_child_process);
}

} // namespace
} // namespace subprocess::tests
