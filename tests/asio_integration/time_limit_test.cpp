#include <asio_integration/async_run.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/thread_pool.hpp>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include <asio_integration/async_capture.hpp>
#include <asio_integration/async_pipeline.hpp>
#include <asio_integration/async_spawn.hpp>
#include <asio_integration/spawn_limiter.hpp>

#include "io_fixture.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

class time_limited : public io_fixture {};
SUBPROCESS_FOR_EACH_SETUP(time_limited);

TEST_P(time_limited, run_is_told_apart_and_leaves_nobody)
{
  for (const time_limit limit :
       {time_limit(20ms), time_limit(0s), time_limit(-1h), time_limit(std::chrono::steady_clock::now() + 20ms)}) {
    wait_result result;
    async_run(context(), helper({"hang"}), {.limit = limit}, result.handler());
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    EXPECT_EQ(result.ec, std::errc::timed_out);
    EXPECT_EQ(result.ec.category(), std::system_category());
    EXPECT_FALSE(has_children());
  }
}

TEST_P(time_limited, run_that_is_in_time_gives_its_status_and_frees_the_loop)
{
  for (const time_limit limit : {time_limit(), time_limit(1h), time_limit(std::chrono::hours::max()),
                                 time_limit(time_limit::clock::time_point::max())}) {
    wait_result result;
    async_run(context(), helper({"exit", "3"}), {.limit = limit}, result.handler());
    run_to_end();
    EXPECT_FALSE(result.ec) << result.ec.message();
    EXPECT_EQ(result.status.code(), 3);
  }
}

TEST_P(time_limited, operations_are_told_so_though_their_children_are_lost_meanwhile)
{
  isolated_loop([&] {
    std::signal(SIGCHLD, SIG_IGN); // The sigchld source replaces that.
    std::vector<std::error_code> told;
    const auto tell = [&](std::error_code ec, const auto&) { told.push_back(ec); };
    spawn_limiter limiter(context(), 8);
    async_run(context(), helper({"hang"}), {.limit = 50ms}, tell);
    async_capture(context(), helper({"hang"}), {.limit = 50ms}, tell);
    async_pipeline(context(), helper({"hang"}) | helper({"cat"}), {.limit = 50ms}, tell);
    limiter.async_run(helper({"hang"}), {.limit = 50ms}, tell);
    limiter.async_capture(helper({"hang"}), {.limit = 50ms}, tell);
    run_to_end();
    EXPECT_EQ(told, std::vector(5, std::error_code(ETIMEDOUT, std::system_category())));
  });
}

TEST_P(time_limited, run_holds_also_where_nobody_reads)
{
  for (const stdio& kind : {stdio::pipe(), stdio::socket(), stdio::pty()})
    for (const char* verb : {"hang", "write-then-hang"}) {
      wait_result result;
      async_run(context(), helper({verb, "1", "300000"}).stdout_to(kind), {.limit = 50ms}, result.handler());
      run_to_end();
      EXPECT_EQ(result.ec, std::errc::timed_out);
      EXPECT_FALSE(has_children());
    }
}

TEST_P(time_limited, run_lets_its_child_write_while_it_is_stopped)
{
  const scratch_directory scratch;
  EXPECT_TRUE(given_enough_time(50ms, [&](time_limit limit) {
    command what = program(
        "sh", {"-c", "trap 'head -c 300000 /dev/zero; echo bye > \"$0\"; exit' TERM; while :; do sleep 0.01; done",
               scratch / "told"});
    wait_result result;
    async_run(context(), what.stdout_to(stdio::pipe()).stop_with({{SIGTERM, patience}}), {.limit = limit},
              result.handler());
    run_to_end();
    EXPECT_EQ(result.ec, std::errc::timed_out);
    return std::filesystem::exists(scratch / "told");
  }));
}

TEST_P(time_limited, run_that_is_cancelled_first_is_aborted)
{
  asio::cancellation_signal cancel;
  wait_result result;
  async_run(context(), helper({"hang"}), {.limit = 1h}, asio::bind_cancellation_slot(cancel.slot(), result.handler()));
  cancel.emit(asio::cancellation_type::terminal);
  run_to_end();
  EXPECT_EQ(result.ec, asio::error::operation_aborted);
}

TEST_P(time_limited, failed_spawns_name_their_step)
{
  spawn_failure failure;
  wait_result result;
  async_run(asio::any_io_executor(context().get_executor()), program("/nowhere"), {.failure = &failure},
            result.handler());
  run_to_end();
  EXPECT_EQ(result.ec, std::errc::no_such_file_or_directory);
  EXPECT_EQ(failure.code, result.ec);
  EXPECT_EQ(failure.step, spawn_step::exec);
  EXPECT_EQ(failure.program, "/nowhere");

  std::error_code spawn_ec;
  async_spawn(asio::any_io_executor(context().get_executor()), helper({"exit", "0"}).current_dir("/nowhere"), failure,
              [&](std::error_code ec, async_child) { spawn_ec = ec; });
  run_to_end();
  EXPECT_EQ(spawn_ec, failure.code);
  EXPECT_EQ(failure.step, spawn_step::chdir);

  async_run(asio::any_io_executor(context().get_executor()), helper({"exit", "0"}), {.failure = &failure},
            result.handler());
  run_to_end();
  EXPECT_FALSE(failure);
}

TEST_P(time_limited, capture_gives_the_output_so_far)
{
  capture_result result;
  EXPECT_TRUE(given_enough_time(200ms, [&](time_limit limit) {
    result = {};
    async_capture(context(), helper({"write-then-hang", "1", "100"}), {.limit = limit}, result.handler());
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    EXPECT_EQ(result.ec, std::errc::timed_out);
    return !result.output.out.empty();
  }));
  EXPECT_EQ(result.output.out, std::string(100, 'o'));
  EXPECT_EQ(result.output.status.signal(), SIGTERM);
  EXPECT_FALSE(has_children());
}

TEST_P(time_limited, capture_that_is_in_time_gives_its_output)
{
  capture_result result;
  async_capture(context(), helper({"echo", "text"}), {.limit = 1h}, result.handler());
  run_to_end();
  EXPECT_FALSE(result.ec) << result.ec.message();
  EXPECT_EQ(result.output.out, "text\n");
}

TEST_P(time_limited, capture_does_not_wait_for_a_grandchild_that_holds_a_stream)
{
  int grandchild = 0;
  ASSERT_TRUE(given_enough_time(300ms, [&](time_limit limit) {
    capture_result result;
    async_capture(context(), helper({"spawn-grandchild-that-hangs"}), {.limit = limit}, result.handler());
    run_to_end();
    EXPECT_EQ(result.ec, std::errc::timed_out);
    grandchild = std::atoi(result.output.out.c_str());
    return grandchild > 0;
  }));
  ::kill(grandchild, SIGKILL);
}

TEST_P(time_limited, capture_ends_though_the_limit_passes_while_the_end_is_on_its_way)
{
  const auto has_zombie = [] { // Ended, and we have not looked.
    siginfo_t info{};
    return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
  };
  int grandchild = 0;
  ASSERT_TRUE(given_enough_time(500ms, [&](std::chrono::milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    const auto is_late = [deadline] { return std::chrono::steady_clock::now() > deadline; };
    pipe_ends in = make_pipe();
    command what = program("sh", {"-c", "sleep 60 & echo $!; read -r x"});
    what.stdin_from(stdio::from_fd(std::move(in.read_end)));
    capture_result result;
    async_capture(context(), std::move(what), {.limit = time_limit(deadline)}, result.handler());
    wait_result later; // When it has come, the first one waits for its child.
    async_run(context(), helper({"exit", "0"}), later.handler());
    run_until([&] { return later.calls == 1; });
    in.write_end.reset();
    EXPECT_TRUE(eventually([&] { return has_zombie() || is_late(); }));
    const bool has_ended_in_time = !is_late();
    EXPECT_TRUE(eventually(is_late));
    run_to_end(); // Hears of both at once.
    EXPECT_EQ(result.calls, 1);
    EXPECT_EQ(result.ec, std::errc::timed_out);
    grandchild = std::atoi(result.output.out.c_str());
    if (grandchild > 0)
      ::kill(grandchild, SIGKILL);
    return grandchild > 0 && has_ended_in_time;
  }));
}

TEST_P(time_limited, pipeline_tells_the_limit_as_it_was_given)
{
  for (const bool is_point_in_time : {false, true}) {
    std::string told;
    EXPECT_TRUE(given_enough_time(50ms, [&](std::chrono::milliseconds time) {
      spawn_failure failure;
      async_pipeline(context().get_executor(), helper({"hang"}) | helper({"cat"}),
                     {.limit = is_point_in_time ? time_limit(time_limit::clock::now() + time) : time_limit(time),
                      .failure = &failure},
                     [](std::error_code ec, const pipeline_result&) { EXPECT_EQ(ec, std::errc::timed_out); });
      run_to_end();
      told = is_point_in_time || failure.detail != to_string(time_limit(time)) ? failure.detail : "as given";
      return failure.step == spawn_step::time_limit; // Not that of a launch.
    }));
    EXPECT_EQ(told, is_point_in_time ? "deadline" : "as given");
  }
}

TEST_P(time_limited, capture_whose_spawn_fails_names_the_step)
{
  spawn_failure failure;
  capture_result result;
  async_capture(asio::any_io_executor(context().get_executor()), program("/nowhere"),
                {.limit = 1h, .failure = &failure}, result.handler());
  run_to_end();
  EXPECT_EQ(result.ec, std::errc::no_such_file_or_directory);
  EXPECT_EQ(failure.code, result.ec);
  EXPECT_EQ(failure.step, spawn_step::exec);
  async_capture(asio::any_io_executor(context().get_executor()), helper({"exit", "0"}),
                {.limit = 1h, .failure = &failure}, result.handler());
  run_to_end();
  EXPECT_FALSE(result.ec);
  EXPECT_FALSE(failure);
}

TEST_P(time_limited, spawn_that_is_cut_short_tells_the_same_in_both_places)
{
  spawn_failure failure;
  wait_result result;
  async_run(asio::any_io_executor(context().get_executor()), helper({"hang"}), {.limit = 0s, .failure = &failure},
            result.handler());
  run_to_end();
  EXPECT_EQ(result.ec, std::errc::timed_out);
  EXPECT_TRUE(!failure || failure.code == result.ec) << failure.code.message();
}

TEST_P(time_limited, a_limit_is_told_though_it_is_cancelled_after_it)
{
  EXPECT_TRUE(given_enough_time(200ms, [&](auto limit) { // To be able to tell.
    pipe_ends err = make_pipe();
    command what = helper({"tell", std::to_string(SIGTERM)});
    what.stdout_to(stdio::null()).stderr_to(stdio::from_fd(std::move(err.write_end)));
    what.stop_with({{SIGTERM, 50ms}});
    asio::cancellation_signal cancel;
    wait_result result;
    async_run(context(), what, {.limit = limit}, asio::bind_cancellation_slot(cancel.slot(), result.handler()));
    const auto is_stopping = [&] { return becomes_readable(err.read_end.get(), 0ms); };
    run_until([&] { return is_stopping() || result.calls == 1; });
    const bool was_told_to_stop = is_stopping();
    cancel.emit(asio::cancellation_type::total);
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    EXPECT_EQ(result.ec, std::errc::timed_out);
    return was_told_to_stop;
  }));
}

TEST_P(time_limited, a_cancellation_is_told_though_there_is_a_limit)
{
  asio::cancellation_signal cancel;
  wait_result result;
  async_run(context(), helper({"hang"}).stop_with({{SIGTERM, 50ms}}), {.limit = 1h},
            asio::bind_cancellation_slot(cancel.slot(), result.handler()));
  run_until([] { return has_children(); });
  cancel.emit(asio::cancellation_type::total);
  cancel.emit(asio::cancellation_type::total);
  run_to_end();
  EXPECT_EQ(result.calls, 1);
  EXPECT_EQ(result.ec, asio::error::operation_aborted);
}

TEST_P(time_limited, run_that_is_asked_twice_to_stop_sends_its_signals_once)
{
  pipe_ends out = make_pipe();
  pipe_ends err = make_pipe();
  {
    command what = helper({"tell", std::to_string(SIGTERM)});
    what.stdout_to(stdio::from_fd(std::move(out.write_end))).stderr_to(stdio::from_fd(std::move(err.write_end)));
    what.stop_with({{SIGTERM, 50ms}});
    asio::cancellation_signal cancel;
    wait_result result;
    async_run(context(), std::move(what), asio::bind_cancellation_slot(cancel.slot(), result.handler()));
    run_until([&] { return becomes_readable(out.read_end.get(), 0ms); });
    wait_result later; // When it has come, the first one waits for its child.
    async_run(context(), helper({"exit", "0"}), later.handler());
    run_until([&] { return later.calls == 1; });
    cancel.emit(asio::cancellation_type::total);
    run_until([&] { return becomes_readable(err.read_end.get(), 0ms); });
    EXPECT_EQ(read_line(err.read_end.get()), "caught " + std::to_string(SIGTERM));
    cancel.emit(asio::cancellation_type::total);
    run_to_end();
    EXPECT_EQ(result.ec, asio::error::operation_aborted);
  }
  EXPECT_EQ(read_all(err.read_end.get()), "");
}

TEST_P(time_limited, run_ends_a_leader_that_has_left_its_group)
{
  wait_result result;
  async_run(context(),
            helper({"leave-group"})
                .stdout_to(stdio::null())
                .process_group(0)
                .stop_with(stop_sequence{{SIGTERM, 5ms}}.of_group()),
            {.limit = 200ms}, result.handler());
  run_to_end();
  EXPECT_EQ(result.ec, std::errc::timed_out);
  EXPECT_FALSE(has_children());
}

TEST_P(time_limited, runs_whose_time_is_up_at_once_end_on_any_number_of_threads)
{
  asio::thread_pool pool(2);
  use_source(pool);
  std::atomic<int> late = 0;
  constexpr int count = 30;
  for (int i = 0; i < count; ++i)
    async_run(pool, helper({"hang"}), {.limit = 0s},
              [&](std::error_code ec, exit_status) { late += ec == std::errc::timed_out; });
  pool.join();
  EXPECT_EQ(late, count);
}

} // namespace
} // namespace subprocess::tests
