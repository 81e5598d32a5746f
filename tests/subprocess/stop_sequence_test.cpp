#include <subprocess/stop_sequence.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <csignal>

#include <subprocess/command_settings.hpp>
#include <subprocess/spawn.hpp>

#include "support/deadline.hpp"
#include "support/launchers.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

TEST(stop_sequence_data, is_a_value)
{
  const stop_sequence one{{SIGTERM, 5s}, {SIGINT, 1s}};
  EXPECT_EQ(one.steps.size(), 2u);
  EXPECT_EQ(one.whom, stop_sequence::target::child);
  EXPECT_EQ(one.of_group().whom, stop_sequence::target::group);
  EXPECT_EQ(one.of_group().steps, one.steps);
  EXPECT_NE(one, one.of_group());
  EXPECT_TRUE(stop_sequence().steps.empty());
}

TEST(stop_sequence_data, of_a_command_is_gentle_unless_told_otherwise)
{
  command what("x");
  EXPECT_EQ(what.get().stop, (stop_sequence{{SIGTERM, 5s}}));
  what.stop_with(stop_sequence{{SIGINT, 1s}}.of_group());
  EXPECT_EQ(what.get().stop, (stop_sequence{{SIGINT, 1s}}.of_group()));
}

class blocking_stop : public per_launcher {
protected:
  child start_ready(const command& what)
  {
    child started = spawn(command(what).stdout_to(stdio::pipe()));
    EXPECT_EQ(read_line(started.stdout_pipe().get()), "ready");
    return started;
  }
  child start_ready(std::initializer_list<std::string_view> verb) { return start_ready(helper(verb)); }

  // The shell leads a group; its output ends when everyone in it is gone.
  child start_group(std::string_view script)
  {
    return start_ready(program("/bin/sh", {"-c", script}).process_group(0));
  }
};
SUBPROCESS_FOR_EACH_LAUNCHER(blocking_stop);

TEST_P(blocking_stop, takes_the_steps_in_their_order)
{
  child running = start_ready({"ignore", std::to_string(SIGTERM)});
  EXPECT_EQ(running.stop({{SIGTERM, 20ms}, {SIGINT, 1h}}).signal(), SIGINT);
}

TEST_P(blocking_stop, ends_in_sigkill)
{
  child deaf = start_ready({"ignore", std::to_string(SIGTERM), std::to_string(SIGINT)});
  EXPECT_EQ(deaf.stop({{SIGTERM, 5ms}, {SIGINT, 5ms}}).signal(), SIGKILL);
  child without_steps = start_ready({"trap", std::to_string(SIGTERM)});
  EXPECT_EQ(without_steps.stop({}).signal(), SIGKILL);
}

TEST_P(blocking_stop, takes_any_grace)
{
  child at_once = start_ready({"ignore", std::to_string(SIGTERM)});
  EXPECT_EQ(at_once.stop({{SIGTERM, std::chrono::nanoseconds::min()}}).signal(), SIGKILL);
  child for_ever = start_ready({"ready-then-hang"});
  EXPECT_EQ(for_ever.stop({{SIGTERM, std::chrono::nanoseconds::max()}}).signal(), SIGTERM);
}

TEST_P(blocking_stop, may_begin_with_time_to_end_unasked)
{
  child reader = start_ready(program("/bin/sh", {"-c", "echo ready; read line; exit 3"}).stdin_from(stdio::pipe()));
  reader.stdin_pipe().reset();
  EXPECT_EQ(reader.stop({{0, 1h}}).code(), 3);
  child hangs = start_ready({"ready-then-hang"});
  EXPECT_EQ(hangs.stop({{0, 5ms}, {SIGINT, 1h}}).signal(), SIGINT);
}

TEST_P(blocking_stop, of_an_ended_child_gives_its_status)
{
  child ended = spawn(helper({"exit", "3"}));
  EXPECT_EQ(end_of(ended).code(), 3);
  std::error_code ec(EIO, std::system_category());
  EXPECT_EQ(ended.stop(stop_sequence::gentle(), ec).code(), 3);
  EXPECT_FALSE(ec);
}

TEST_P(blocking_stop, of_no_child_is_an_error)
{
  std::error_code ec;
  EXPECT_EQ(child().stop({}, ec), exit_status());
  EXPECT_EQ(ec, std::errc::invalid_argument);
  EXPECT_THROW(child().stop(), std::system_error);
}

TEST_P(blocking_stop, of_a_group_leaves_nobody)
{
  // The other one is deaf to SIGTERM; when the leader ends by it, it is killed.
  child leader = start_group("(trap '' TERM; echo ready; exec sleep 50) & wait");
  EXPECT_EQ(leader.stop(stop_sequence{{SIGTERM, 1h}}.of_group()).signal(), SIGTERM);
  EXPECT_EQ(read_all(leader.stdout_pipe().get()), "");
}

TEST_P(blocking_stop, of_a_group_is_refused_where_the_library_made_none)
{
  child running = start_ready({"ready-then-hang"});
  std::error_code ec;
  running.stop(stop_sequence::gentle().of_group(), ec);
  EXPECT_EQ(ec, std::errc::invalid_argument);
  EXPECT_FALSE(running.try_wait());
  EXPECT_EQ(running.stop({}).signal(), SIGKILL);
}

TEST_P(blocking_stop, of_a_group_kills_a_leader_that_has_left_it)
{
  child leader = start_ready(helper({"leave-group"}).process_group(0));
  EXPECT_EQ(leader.stop(stop_sequence{{SIGTERM, 5ms}}.of_group()).signal(), SIGKILL);
}

TEST_P(blocking_stop, leaves_the_group_alone_when_it_is_for_the_child)
{
  child leader = start_ready(program("/bin/sh", {"-c", "exec 4<&0; (echo ready; read line <&4; echo answer) & wait"})
                                 .process_group(0)
                                 .stdin_from(stdio::pipe()));
  EXPECT_EQ(leader.stop({}).signal(), SIGKILL);
  write_all(leader.stdin_pipe().get(), "question\n");
  EXPECT_EQ(read_line(leader.stdout_pipe().get()), "answer");
}

TEST_P(blocking_stop, kill_group_reaches_everyone)
{
  child leader = start_group("(echo ready; exec sleep 50) & exec sleep 50");
  leader.kill_group(SIGTERM);
  EXPECT_EQ(end_of(leader).signal(), SIGTERM);
  EXPECT_EQ(read_all(leader.stdout_pipe().get()), "");
}

TEST_P(blocking_stop, kill_group_takes_a_session_for_a_group)
{
  child leader = start_ready(helper({"ready-then-hang"}).session_leader());
  leader.kill_group(SIGINT);
  EXPECT_EQ(end_of(leader).signal(), SIGINT);
}

TEST_P(blocking_stop, kill_group_is_refused_without_a_group_of_ours)
{
  std::error_code ec;
  child().kill_group(SIGKILL, ec);
  EXPECT_EQ(ec, std::errc::invalid_argument);

  child member = start_ready({"ready-then-hang"});
  member.kill_group(SIGKILL, ec);
  EXPECT_EQ(ec, std::errc::invalid_argument);
  EXPECT_THROW(member.kill_group(SIGKILL), std::system_error);
  member.kill();
  EXPECT_EQ(end_of(member).signal(), SIGKILL);

  child leader = start_ready(helper({"ready-then-hang"}).process_group(0));
  leader.kill_group(9999, ec);
  EXPECT_EQ(ec, std::errc::invalid_argument);
  leader.kill();
  EXPECT_EQ(end_of(leader).signal(), SIGKILL);
  leader.kill_group(SIGKILL, ec); // Its number may be another group's by now.
  EXPECT_EQ(ec, std::errc::invalid_argument);

  child gone = start_ready(helper({"leave-group"}).process_group(0));
  gone.kill_group(SIGTERM, ec);
  EXPECT_EQ(ec, std::errc::invalid_argument);
  gone.kill();
  EXPECT_EQ(end_of(gone).signal(), SIGKILL);
}

} // namespace
} // namespace subprocess::tests
