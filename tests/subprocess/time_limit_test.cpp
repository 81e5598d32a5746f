#include <subprocess/time_limit.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <thread>
#include <utility>

#include <subprocess/capture.hpp>
#include <subprocess/pipeline.hpp>
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

TEST(time_limit_data, that_is_no_number_has_passed)
{
  using seconds = std::chrono::duration<double>;
  const auto now = time_limit::clock::now();
  EXPECT_EQ(time_limit(seconds(std::numeric_limits<double>::quiet_NaN())).deadline_from(now), now);
  EXPECT_GT(time_limit(seconds(std::numeric_limits<double>::infinity())).deadline_from(now), now + 1h);
}

TEST(time_limit_data, is_written_in_the_largest_exact_unit)
{
  EXPECT_EQ(to_string(time_limit(300ms)), "300 ms");
  EXPECT_EQ(to_string(time_limit(1500ms)), "1500 ms");
  EXPECT_EQ(to_string(time_limit(2s)), "2 s");
  EXPECT_EQ(to_string(time_limit(1h)), "3600 s");
  EXPECT_EQ(to_string(time_limit(25us)), "25 us");
  EXPECT_EQ(to_string(time_limit(1ns)), "1 ns");
  EXPECT_EQ(to_string(time_limit(-1h)), "0 s");
  EXPECT_EQ(to_string(time_limit(clock::now())), "deadline");
  EXPECT_EQ(to_string(time_limit()), "none");
}

class limited_run : public per_launcher {
protected:
  /// The error of a run that has to end in time, after which nobody is left.
  std::error_code error_of(const command& what, time_limit limit) const
  {
    std::error_code ec;
    spawn_failure failure;
    const exit_status status = run(what, {.limit = limit, .failure = &failure}, ec);
    EXPECT_EQ(status, exit_status());
    EXPECT_EQ(failure.code, ec);
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
    EXPECT_EQ(run(helper({"exit", "3"}), {.limit = limit}, ec).code(), 3);
    EXPECT_FALSE(ec);
    EXPECT_EQ(run(helper({"exit", "3"}), {.limit = limit}).code(), 3);
  }
}

TEST_P(limited_run, gives_a_piped_stdin_its_end_at_once)
{
  EXPECT_TRUE(run(helper({"cat"}).stdin_from(stdio::pipe()).stdout_to(stdio::null()), {.limit = 1h}).success());
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

TEST_P(limited_run, lets_a_stopped_child_obey_its_stop_sequence)
{
  const deadline soon;
  command stopped = program("/bin/sh", {"-c", "kill -STOP $$"});
  stopped.stop_with({{SIGTERM, patience}});
  EXPECT_EQ(error_of(std::move(stopped), 50ms), std::errc::timed_out);
  EXPECT_FALSE(soon.passed());
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
    run(helper({"exit", "0"}), {.limit = 1h}, ec);
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
    run(what, {.limit = 2s}, ec);
    other_user.join();
    EXPECT_EQ(ec, std::errc::timed_out);
    EXPECT_TRUE(has_children());
    EXPECT_EQ(::setresuid(0, 0, 0), 0);
    in.write_end.reset();
    EXPECT_TRUE(all_children_gone());
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
    run(program("sleep", {"1000"}), {.limit = 100ms});
    ADD_FAILURE() << "nothing was thrown";
  } catch (const spawn_error& error) {
    EXPECT_EQ(error.code(), std::errc::timed_out);
    EXPECT_EQ(error.step(), spawn_step::time_limit);
    EXPECT_STREQ(error.what(), "run \"sleep\": time limit of 100 ms has passed");
  }
  EXPECT_EQ(error_of(program("/nonexistent"), 1h), std::errc::no_such_file_or_directory);
}

TEST_P(limited_run, tells_which_limit_has_passed)
{
  EXPECT_TRUE(given_enough_time(50ms, [&](std::chrono::milliseconds limit) {
    spawn_failure failure;
    std::error_code ec;
    run(program("sleep", {"1000"}), {.limit = clock::now() + limit, .failure = &failure}, ec);
    return failure.message() == "run \"sleep\": deadline has passed";
  }));
}

TEST_P(limited_run, that_does_not_come_to_its_program_tells_what_took_so_long)
{
  const scratch_directory scratch;
  const std::string fifo = scratch / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  spawn_failure failure;
  std::error_code ec;
  run(program("cat").stdin_from(stdio::read_file(fifo)), {.limit = 200ms, .failure = &failure}, ec);
  EXPECT_EQ(ec, std::errc::timed_out);
  EXPECT_EQ(failure.message(),
            "spawn \"cat\": open_file \"" + fifo + "\": " + ec.message() + " (time limit of 200 ms)");
}

TEST_P(limited_run, clears_the_failure_when_nothing_failed)
{
  spawn_failure failure{std::error_code(EIO, std::system_category()), spawn_step::chdir, "x", "y"};
  EXPECT_TRUE(run(helper({"exit", "0"}), {.failure = &failure}).success());
  EXPECT_FALSE(failure);
  EXPECT_EQ(failure.program, "");
}

TEST_P(limited_run, throws_though_the_failure_is_told_elsewhere_too)
{
  spawn_failure failure;
  EXPECT_THROW(run(program("/nonexistent"), {.failure = &failure}), spawn_error);
  EXPECT_EQ(failure.step, spawn_step::exec);
}

class limited_capture : public per_launcher {
protected:
  /// What was read of a capture that has to end in time, after which nobody is left.
  captured_output late(const command& what, capture_options options) const
  {
    spawn_failure failure;
    options.failure = &failure;
    std::error_code ec;
    captured_output output = capture(what, options, ec);
    EXPECT_EQ(ec, std::errc::timed_out);
    EXPECT_EQ(failure.code, ec);
    EXPECT_FALSE(has_children());
    return output;
  }

  static constexpr std::chrono::milliseconds first{100};
};
SUBPROCESS_FOR_EACH_LAUNCHER(limited_capture);

TEST_P(limited_capture, keeps_what_was_read)
{
  EXPECT_TRUE(given_enough_time(first, [&](std::chrono::milliseconds limit) {
    const captured_output output = late(helper({"write-then-hang", "1", "1000", "2", "100"}), {.limit = limit});
    return output.out == std::string(1000, 'o') && output.err == std::string(100, 'e') &&
           output.status.signal() == SIGTERM;
  }));
}

TEST_P(limited_capture, that_is_in_time_is_like_any_other)
{
  const captured_output output = capture(helper({"flood", "300000"}), {.limit = 1h});
  EXPECT_TRUE(output.status.success());
  EXPECT_EQ(output.out.size() + output.err.size(), 600000u);
  EXPECT_EQ(capture(helper({"cat"}), {.input = "text", .limit = 1h}).out, "text");
}

TEST_P(limited_capture, reads_what_the_child_writes_while_it_is_stopped)
{
  EXPECT_TRUE(given_enough_time(first, [&](std::chrono::milliseconds limit) {
    command what = program(
        "sh", {"-c", "trap 'head -c 300000 /dev/zero; echo bye >&2; exit 7' TERM; while :; do sleep 0.01; done"});
    const captured_output output = late(what.stop_with({{SIGTERM, patience}}), {.limit = limit});
    return output.out.size() == 300000 && output.err == "bye\n" && output.status.code() == 7;
  }));
}

TEST_P(limited_capture, does_not_wait_for_a_grandchild_that_holds_its_streams)
{
  EXPECT_TRUE(given_enough_time(first, [&](std::chrono::milliseconds limit) {
    const auto begin = clock::now();
    const captured_output output = late(helper({"spawn-grandchild-that-hangs"}), {.limit = limit});
    EXPECT_LT(clock::now() - begin, limit + patience / 2);
    const pid_t grandchild = std::atoi(output.out.c_str());
    if (grandchild > 0)
      ::kill(grandchild, SIGKILL);
    if (!output.status.success()) // It was stopped before it could exit.
      return false;
    EXPECT_TRUE(output.left_open);
    return true;
  }));
}

TEST_P(limited_capture, goes_through_the_whole_stop_sequence)
{
  const command what = program("sh", {"-c", "trap '' TERM; while :; do sleep 0.01; done"}).stop_with({{SIGTERM, 10ms}});
  EXPECT_TRUE(given_enough_time(
      first, [&](std::chrono::milliseconds limit) { return late(what, {.limit = limit}).status.signal() == SIGKILL; }));
}

TEST_P(limited_capture, throws_what_went_wrong_and_what_was_read)
{
  EXPECT_TRUE(given_enough_time(first, [&](std::chrono::milliseconds limit) {
    try {
      capture(program("sh", {"-c", "echo read; exec sleep 1000"}), {.limit = limit});
      ADD_FAILURE() << "nothing was thrown";
    } catch (const capture_error& error) {
      EXPECT_EQ(error.code(), std::errc::timed_out);
      EXPECT_EQ(error.failure().step, spawn_step::time_limit);
      EXPECT_EQ(error.what(), "run \"sh\": time limit of " + to_string(time_limit(limit)) + " has passed");
      return error.output().out == "read\n";
    } catch (const spawn_error& error) { // It was not even a program.
      EXPECT_EQ(error.code(), std::errc::timed_out);
    }
    return false;
  }));
}

TEST_P(limited_capture, ends_though_there_is_always_more_to_read)
{
  EXPECT_LE(late(program("yes"), {.limit = 100ms, .max_bytes = 1000, .on_overflow = overflow::truncate}).out.size(),
            1000u);
}

class limited_pipeline : public per_launcher {};
SUBPROCESS_FOR_EACH_LAUNCHER(limited_pipeline);

TEST_P(limited_pipeline, stops_all_stages_at_the_same_time)
{
  const scratch_directory scratch;
  EXPECT_TRUE(given_enough_time(100ms, [&](std::chrono::milliseconds limit) {
    // Each waits, once it was stopped, until the other was stopped too.
    const auto stage = [&](const char* own, const char* other) {
      command one = program("sh", {"-c",
                                   "trap 'echo > \"$0\"; while [ ! -e \"$1\" ]; do sleep 0.01; done; exit 5' TERM;"
                                   "while :; do sleep 0.01; done",
                                   scratch / own, scratch / other});
      return one.stop_with({{SIGTERM, patience}});
    };
    std::filesystem::remove(scratch / "a");
    std::filesystem::remove(scratch / "b");
    std::error_code ec;
    spawn_failure failure;
    const auto ended = run(stage("a", "b") | stage("b", "a"), {.limit = limit, .failure = &failure}, ec);
    EXPECT_EQ(ec, std::errc::timed_out);
    EXPECT_FALSE(has_children());
    return ended.at(0).code() == 5 && ended.at(1).code() == 5 && failure.step == spawn_step::time_limit;
  }));
}

TEST_P(limited_pipeline, names_the_stage_that_was_late)
{
  EXPECT_TRUE(given_enough_time(100ms, [&](std::chrono::milliseconds limit) {
    try {
      capture(program("echo", {"text"}) | helper({"write-then-hang", "1", "3"}), {.limit = limit});
      ADD_FAILURE() << "nothing was thrown";
    } catch (const pipeline_capture_error& error) {
      EXPECT_EQ(error.code(), std::errc::timed_out);
      return error.program() == helper_path() && error.result().stages.at(0).status.success() &&
             error.result().out == "ooo";
    } catch (const spawn_error& error) {
      EXPECT_EQ(error.code(), std::errc::timed_out);
    }
    return false;
  }));
}

TEST_P(limited_pipeline, that_is_in_time_gives_its_statuses)
{
  EXPECT_EQ(run(helper({"exit", "3"}) | helper({"exit", "4"}), {.limit = 1h}).at(1).code(), 4);
  EXPECT_EQ(capture(program("echo", {"text"}) | program("cat"), {.limit = 1h}).out, "text\n");
}

} // namespace
} // namespace subprocess::tests
