// What observers are told of children on an event loop, by whatever road they come and go.

#include <asio_integration/asio_integration.hpp>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/thread_pool.hpp>

#include <chrono>
#include <csignal>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include <asio_integration/detail/reaper/reaper_core.hpp>
#include <subprocess/observer.hpp>

#include "allocations.hpp"
#include "io_fixture.hpp"
#include "support/observer_log.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

class async_observing : public io_fixture {
protected:
  command good() const { return helper({"exit", "0"}); }

  static void end_behind_the_library(pid_t pid)
  {
    int ignored = 0;
    ::kill(pid, SIGKILL);
    EXPECT_EQ(::waitpid(pid, &ignored, 0), pid);
  }
};
SUBPROCESS_FOR_EACH_SETUP(async_observing);

TEST_P(async_observing, tells_of_a_spawn_and_of_the_end_that_the_reaper_finds)
{
  const observer_log log;
  async_child running = start({"hang"});
  ASSERT_EQ(log.all().size(), 1u) << "within the call";
  EXPECT_EQ(log.all()[0].pid, running.id());
  EXPECT_EQ(log.all()[0].used, running.launcher_used());
  running.kill();
  end_of(running);
  const auto all = log.all();
  ASSERT_EQ(all.size(), 2u);
  log.expect_whole(1, 0);
  EXPECT_EQ(all[1].status.signal(), SIGKILL);
  EXPECT_TRUE(all[1].report);
}

TEST_P(async_observing, tells_when_the_program_is_known_to_run)
{
  const observer_log log;
  wait_result result;
  const reached_cat beside = cat();
  async_run(context(), beside.what, result.handler());
  run_until([&] { return log.all().size() == 1; }); // It has not ended.
  EXPECT_EQ(log.all()[0].what, observed::started);
  EXPECT_GE(log.all()[0].started, log.all()[0].begun);
}

TEST_P(async_observing, covers_every_function_that_starts_a_child)
{
  const observer_log log;
  async_child spawned;
  async_spawn(context(), good(), [&](std::error_code, async_child child) { spawned = std::move(child); });
  async_run(context(), good(), [](std::error_code, exit_status) {});
  async_capture(context(), helper({"echo", "text"}), [](std::error_code, captured_output) {});
  async_pipeline(context(), helper({"echo", "text"}) | helper({"cat"}), [](std::error_code, pipeline_result) {});
  spawn_limiter limiter(context(), 1);
  for (int i = 0; i < 2; ++i)
    limiter.async_run(good(), [](std::error_code, exit_status) {});
  run_to_end();
  EXPECT_TRUE(end_of(spawned).success());
  log.expect_whole(7, 0);
}

TEST_P(async_observing, tells_of_failures)
{
  const observer_log log;
  std::error_code ec;
  spawn(context(), program("/nonexistent"), ec);
  async_spawn(context(), program("/nonexistent"), [](std::error_code, async_child) {});
  async_run(context(), program("/nonexistent"), [](std::error_code, exit_status) {});
  async_run(context(), good().env("", ""), [](std::error_code, exit_status) {});
  async_capture(context(), good().current_dir("/nonexistent"), [](std::error_code, captured_output) {});
  run_to_end();
  log.expect_whole(0, 5);
  std::size_t prepared = 0, changed = 0;
  for (const observation& seen : log.all()) {
    EXPECT_TRUE(seen.failure);
    EXPECT_FALSE(seen.failure.program.empty());
    prepared += seen.failure.step == spawn_step::prepare;
    changed += seen.failure.step == spawn_step::chdir;
  }
  EXPECT_EQ(prepared, 1u);
  EXPECT_EQ(changed, 1u);
}

TEST_P(async_observing, tells_why_a_launch_was_given_up)
{
  const scratch_directory scratch;
  const std::string fifo = scratch / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const observer_log log;
  wait_result late, cancelled;
  asio::cancellation_signal cancel;
  const command stuck = good().stdin_from(stdio::read_file(fifo));
  async_run(context(), stuck, {.limit = 20ms}, late.handler());
  run_to_end();
  async_run(context(), stuck, asio::bind_cancellation_slot(cancel.slot(), cancelled.handler()));
  context().restart();
  context().poll();
  cancel.emit(asio::cancellation_type::terminal);
  run_to_end();
  EXPECT_EQ(late.ec, std::errc::timed_out);
  EXPECT_EQ(cancelled.ec, asio::error::operation_aborted);
  log.expect_whole(0, 2);
  EXPECT_EQ(log.all()[0].failure.code, std::errc::timed_out);
  EXPECT_EQ(log.all()[1].failure.code, asio::error::operation_aborted);
}

TEST_P(async_observing, tells_the_end_of_a_child_that_was_dropped_detached_or_stopped)
{
  const observer_log log;
  start({"hang"}); // Killed.
  async_child left = start(helper({"exit", "0"}));
  left.detach();
  left = async_child();
  wait_result stopped;
  async_child asked = start_ready({"trap-and-tell", std::to_string(SIGTERM)});
  asked.async_stop(1h, stopped.handler());
  run_until([&] { return log.count(observed::ended) == 3; });
  log.expect_whole(3, 0);
}

TEST_P(async_observing, tells_the_end_of_children_whose_context_is_gone)
{
  const observer_log log;
  const pid_t hanging = start({"hang"}).id();
  async_child detached = start(good());
  detached.detach();
  detached = async_child();
  async_run(context(), helper({"hang"}), [](std::error_code, exit_status) {});
  run_until([&] { return log.count(observed::started) == 3; });
  end_context();
  EXPECT_TRUE(all_children_gone());
  EXPECT_FALSE(is_our_child(hanging));
  log.expect_whole(3, 0);
}

TEST_P(async_observing, tells_of_a_launch_whose_context_is_gone)
{
  const scratch_directory scratch;
  const std::string fifo = scratch / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const observer_log log;
  async_run(context(), good().stdin_from(stdio::read_file(fifo)), [](std::error_code, exit_status) {});
  context().poll();
  end_context();
  EXPECT_TRUE(eventually([&] { return log.all().size() == 1; }));
  EXPECT_TRUE(all_children_gone());
  log.expect_whole(0, 1);
  EXPECT_EQ(log.all()[0].failure.code, std::errc::operation_canceled);
}

TEST_P(async_observing, tells_that_others_have_reaped_a_child)
{
  const observer_log log;
  async_child stolen = start({"hang"});
  end_behind_the_library(stolen.id());
  wait_result result;
  stolen.async_wait(result.handler());
  run_to_end();
  EXPECT_EQ(result.ec, std::errc::no_child_process);
  log.expect_whole(1, 0);
  EXPECT_EQ(log.all()[1].error, std::errc::no_child_process);
}

TEST_P(async_observing, tells_of_a_child_whose_number_another_has)
{
  const observer_log log;
  async_child stolen = start({"hang"});
  end_behind_the_library(stolen.id());
  std::error_code ec;
  const auto reaper = detail::reaper_core::of(context(), ec);
  reaper->track(detail::reap_table::make_place(), std::make_shared<detail::process>(stolen.id(), unique_fd()));
  log.expect_whole(1, 0);
  EXPECT_EQ(log.all()[1].error, std::errc::no_child_process);
  EXPECT_THROW(stolen.kill(), std::system_error) << "that would be the other";
  run_until([] { return true; });
}

TEST_P(async_observing, tells_of_an_adoption)
{
  const observer_log log;
  const pid_t pid = ::fork();
  if (pid == 0)
    ::_exit(9);
  async_child taken = adopt(context(), pid);
  EXPECT_EQ(end_of(taken).code(), 9);
  ASSERT_EQ(log.all().size(), 2u);
  EXPECT_EQ(log.all()[0].what, observed::adopted);
  EXPECT_EQ(log.all()[1].what, observed::ended);
}

TEST_P(async_observing, covers_the_workers_of_a_pool)
{
  const observer_log log;
  worker_pool_options options;
  options.size = 2;
  worker_pool pool(context(), helper({"line-worker"}), options);
  asio::cancellation_signal stop;
  int calls = 0;
  pool.async_run(asio::bind_cancellation_slot(stop.slot(), [&](std::error_code) { ++calls; }));
  run_until([&] { return pool.counts().ready == 2; });
  EXPECT_EQ(log.count(observed::started), 2u);
  stop.emit(asio::cancellation_type::terminal);
  run_until([&] { return calls == 1; });
  log.expect_whole(2, 0);
}

TEST_P(async_observing, drops_what_an_observer_throws)
{
  const observer bad([](const observation&) { throw std::runtime_error("host"); });
  wait_result result, failed;
  async_run(context(), helper({"exit", "5"}), result.handler());
  async_run(context(), program("/nonexistent"), failed.handler());
  EXPECT_NO_THROW(run_to_end());
  EXPECT_EQ(result.status.code(), 5);
  EXPECT_EQ(failed.ec, std::errc::no_such_file_or_directory);
}

TEST_P(async_observing, lets_an_observer_cancel_what_it_is_told_of)
{
  asio::cancellation_signal cancel;
  wait_result result;
  const observer cancelling([&](const observation& seen) {
    if (seen.what == observed::started)
      cancel.emit(asio::cancellation_type::terminal); // Takes the lock of the operation.
  });
  async_run(context(), helper({"hang"}), asio::bind_cancellation_slot(cancel.slot(), result.handler()));
  run_to_end();
  EXPECT_EQ(result.ec, asio::error::operation_aborted);
}

TEST_P(async_observing, lets_an_observer_spawn_wait_and_kill_on_the_loop)
{
  async_child running;
  wait_result first, second, inner;
  int starts = 0;
  const observer_log log;
  const observer busy([&](const observation& seen) {
    if (seen.what == observed::ended && first.calls + starts == 0) {
      running.async_wait(second.handler()); // Takes the lock of the reaper.
      std::error_code ec;
      running.kill(ec);
      EXPECT_EQ(ec, std::errc::invalid_argument);
    }
    if (seen.what == observed::ended && starts++ < 3)
      async_run(context(), good(), inner.handler());
  });
  running = start(helper({"hang"})); // Else it can end before it has its place here.
  running.async_wait(first.handler());
  running.kill();
  run_to_end();
  EXPECT_EQ(first.calls, 1);
  EXPECT_EQ(second.calls, 1);
  EXPECT_EQ(inner.calls, 3);
  log.expect_whole(4, 0);
}

TEST_P(async_observing, lets_an_observer_destroy_children)
{
  std::vector<async_child> children;
  const observer_log log;
  const observer dropping([&](const observation& seen) {
    if (seen.what == observed::ended)
      children.clear(); // They are killed, and reaped by the loop.
  });
  for (int i = 0; i < 3; ++i)
    children.push_back(start({"hang"}));
  children.front().kill();
  run_until([&] { return log.count(observed::ended) == 3; });
  log.expect_whole(3, 0);
}

TEST_P(async_observing, is_whole_on_a_loop_of_several_threads)
{
  observer_log log;
  {
    asio::thread_pool threads(3);
    use_source(threads);
    for (int i = 0; i < 40; ++i) {
      async_run(threads, good(), [](std::error_code, exit_status) {});
      async_run(threads, program("/nonexistent"), [](std::error_code, exit_status) {});
    }
    threads.join();
  }
  log.expect_whole(40, 40);
}

TEST_P(async_observing, takes_no_memory_where_nobody_observes)
{
  const auto allocations_of_a_spawn = [&] {
    const command what = good();
    const std::size_t before = allocations_here();
    async_child running = start(what);
    const std::size_t taken = allocations_here() - before;
    end_of(running);
    return taken;
  };
  allocations_of_a_spawn(); // The context's own.
  const std::size_t never = allocations_of_a_spawn();
  {
    const observer some([](const observation&) {});
    EXPECT_GT(allocations_of_a_spawn(), never);
  }
  EXPECT_EQ(allocations_of_a_spawn(), never);
}

} // namespace
} // namespace subprocess::tests
