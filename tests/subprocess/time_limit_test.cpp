#include <subprocess/time_limit.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <thread>
#include <utility>

#include <subprocess/detail/process/orphans.hpp>
#include <subprocess/spawn.hpp>

#include "support/deadline.hpp"
#include "support/isolated.hpp"
#include "support/launchers.hpp"
#include "support/pipes.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;
using clock = time_limit::clock;

TEST(time_limit_data, is_a_timeout_a_deadline_or_none)
{
  const auto now = clock::now();
  EXPECT_FALSE(time_limit());
  EXPECT_EQ(time_limit().deadline_from(now), std::nullopt);
  EXPECT_TRUE(time_limit(5s));
  EXPECT_EQ(time_limit(5s).deadline_from(now), now + 5s);
  EXPECT_EQ(time_limit(now - 1s).deadline_from(now), now - 1s);
}

TEST(time_limit_data, takes_any_duration)
{
  const auto now = clock::now();
  EXPECT_EQ(time_limit(0s).deadline_from(now), now);
  EXPECT_EQ(time_limit(-1h).deadline_from(now), now);
  EXPECT_EQ(time_limit(std::chrono::hours::min()).deadline_from(now), now);
  EXPECT_EQ(time_limit(clock::duration::min()).deadline_from(now), now);
  EXPECT_EQ(time_limit(std::chrono::duration<double>(0.5)).deadline_from(now), now + 500ms);
  for (const time_limit century : {time_limit(std::chrono::hours::max()), time_limit(clock::duration::max())})
    EXPECT_GT(century.deadline_from(now), now + 24h * 365 * 100);
}

class limited_run : public per_launcher {
protected:
  /// The error of a run that has to end in time, after which nobody is left.
  std::error_code error_of(const command& what, time_limit limit) const
  {
    std::error_code ec;
    const exit_status status = run(what, limit, ec);
    EXPECT_EQ(status, exit_status());
    EXPECT_FALSE(has_children());
    return ec;
  }
};
SUBPROCESS_FOR_EACH_LAUNCHER(limited_run);

TEST_P(limited_run, that_takes_too_long_is_ended_and_reaped)
{
  for (const time_limit limit : {time_limit(10ms), time_limit(0s), time_limit(-1h), time_limit(clock::now() + 10ms),
                                 time_limit(clock::time_point::min())}) {
    const std::error_code ec = error_of(helper({"hang"}), limit);
    EXPECT_EQ(ec, std::errc::timed_out);
    EXPECT_EQ(ec.category(), std::system_category());
  }
}

TEST_P(limited_run, that_is_in_time_gives_its_status)
{
  for (const time_limit limit :
       {time_limit(), time_limit(1h), time_limit(std::chrono::hours::max()), time_limit(clock::time_point::max())}) {
    std::error_code ec(EIO, std::system_category());
    EXPECT_EQ(run(helper({"exit", "3"}), limit, ec).code(), 3);
    EXPECT_FALSE(ec);
    EXPECT_EQ(run(helper({"exit", "3"}), limit).code(), 3);
  }
}

TEST_P(limited_run, gives_a_piped_stdin_its_end_at_once)
{
  EXPECT_TRUE(run(helper({"cat"}).stdin_from(stdio::pipe()).stdout_to(stdio::null()), 1h).success());
}

TEST_P(limited_run, goes_by_the_commands_stop_sequence)
{
  EXPECT_TRUE(given_enough_time(50ms, [&](std::chrono::milliseconds limit) {
    pipe_ends err = make_pipe();
    command what = helper({"trap-and-tell", std::to_string(SIGINT)});
    what.stdout_to(stdio::null()).stderr_to(stdio::from_fd(std::move(err.write_end)));
    what.stop_with({{SIGURG, limit}, {SIGINT, 1h}}); // The first is ignored: by then it has set its trap.
    EXPECT_EQ(error_of(command(std::move(what)), limit), std::errc::timed_out);
    return read_line(err.read_end.get()) == "caught " + std::to_string(SIGINT);
  }));
}

TEST_P(limited_run, ends_the_child_though_its_sequence_is_for_a_group_that_is_none)
{
  EXPECT_EQ(error_of(helper({"hang"}).stop_with(stop_sequence::gentle().of_group()), 10ms), std::errc::timed_out);
}

TEST_P(limited_run, is_told_though_the_child_is_lost_meanwhile)
{
  isolated([&] {
    std::signal(SIGCHLD, SIG_IGN);
    EXPECT_EQ(error_of(helper({"hang"}), 10ms), std::errc::timed_out);
    std::error_code ec;
    run(helper({"exit", "0"}), 1h, ec);
    EXPECT_EQ(ec, std::errc::no_child_process) << "what is in time is told as without a limit";
  });
}

TEST_P(limited_run, is_told_though_the_child_may_not_be_signalled)
{
  if (::geteuid() != 0)
    GTEST_SKIP() << "needs root";
  isolated([&] {
    pipe_ends in = make_pipe();
    pipe_ends out = make_pipe();
    std::thread other_user([&] { // The whole program becomes one, once the child runs.
      EXPECT_EQ(read_line(out.read_end.get()), "ready");
      EXPECT_EQ(::setresuid(65534, 65534, 0), 0);
    });
    std::error_code ec;
    command what = program("sh", {"-c", "echo ready; exec cat"});
    what.stdin_from(stdio::from_fd(in.read_end.get())).stdout_to(stdio::from_fd(out.write_end.get()));
    run(what, 2s, ec);
    other_user.join();
    EXPECT_EQ(ec, std::errc::timed_out);
    EXPECT_TRUE(has_children());
    EXPECT_EQ(::setresuid(0, 0, 0), 0);
    in.write_end.reset();
    EXPECT_TRUE(eventually([] {
      detail::reap_orphans();
      return !has_children();
    }));
  });
}

TEST_P(limited_run, holds_also_where_nobody_reads)
{
  for (const stdio& kind : {stdio::pipe(), stdio::socket(), stdio::pty()})
    for (const char* verb : {"hang", "write-then-hang"})
      EXPECT_EQ(error_of(helper({verb, "1", "300000"}).stdout_to(kind), 50ms), std::errc::timed_out);
  EXPECT_EQ(error_of(program("yes").stdout_to(stdio::pipe()), 50ms), std::errc::timed_out);
}

TEST_P(limited_run, lets_a_child_write_while_it_is_stopped)
{
  const scratch_directory scratch;
  EXPECT_TRUE(given_enough_time(50ms, [&](std::chrono::milliseconds limit) {
    command what = program(
        "sh", {"-c", "trap 'head -c 300000 /dev/zero; echo bye > \"$0\"; exit' TERM; while :; do sleep 0.01; done",
               scratch / "told"});
    EXPECT_EQ(error_of(what.stdout_to(stdio::pipe()).stop_with({{SIGTERM, patience}}), limit), std::errc::timed_out);
    return std::filesystem::exists(scratch / "told");
  }));
}

TEST_P(limited_run, throws_what_went_wrong)
{
  try {
    run(helper({"hang"}), 10ms);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::timed_out);
    EXPECT_NE(std::string(error.what()).find("helper"), std::string::npos) << error.what();
  }
  EXPECT_EQ(error_of(program("/nonexistent"), 1h), std::errc::no_such_file_or_directory);
}

} // namespace
} // namespace subprocess::tests
