#include <subprocess/observer.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include <subprocess/detail/observation/observed_child.hpp>
#include <subprocess/detail/process/orphans.hpp>
#include <subprocess/pipeline.hpp>
#include <subprocess/spawn.hpp>

#include "support/deadline.hpp"
#include "support/isolated.hpp"
#include "support/launchers.hpp"
#include "support/observer_log.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

class observing : public per_launcher {
protected:
  command good() const { return helper({"exit", "0"}); }
};
SUBPROCESS_FOR_EACH_LAUNCHER(observing);

TEST_P(observing, tells_of_a_start_and_of_its_end)
{
  const observer_log log;
  const auto before = std::chrono::system_clock::now();
  const command what = helper({"exit", "3"});
  child running = spawn(what);
  ASSERT_EQ(log.all().size(), 1u) << "before the spawn returns";
  const observation start = log.all()[0];
  EXPECT_EQ(start.what, observed::started);
  EXPECT_EQ(start.pid, running.id());
  EXPECT_EQ(start.used, running.launcher_used());
  EXPECT_EQ(start.program, helper_path());
  EXPECT_EQ(start.command_line, to_string(what));
  EXPECT_EQ(start.status, exit_status());
  EXPECT_GE(start.begun, before);
  EXPECT_GE(start.started, start.begun);

  running.wait();
  ASSERT_EQ(log.all().size(), 2u);
  const observation end = log.all()[1];
  EXPECT_EQ(end.what, observed::ended);
  EXPECT_EQ(end.number, start.number);
  EXPECT_EQ(end.pid, start.pid);
  EXPECT_EQ(end.command_line, start.command_line);
  EXPECT_EQ(end.started, start.started);
  EXPECT_GE(end.over, end.started);
  EXPECT_EQ(end.status.code(), 3);
  EXPECT_FALSE(end.error);
  ASSERT_TRUE(end.report);
  EXPECT_EQ(end.report->status.code(), 3);
  EXPECT_GT(end.report->usage.ru_maxrss, 0);

  running.wait();
  static_cast<void>(running.try_wait());
  EXPECT_EQ(log.all().size(), 2u);
}

TEST_P(observing, tells_of_a_failure_with_its_step)
{
  const observer_log log;
  std::error_code ec;
  spawn(program("/nonexistent"), ec);
  spawn(good().current_dir("/nonexistent"), ec);
  spawn(good().env("", "no key"), ec);
  const auto all = log.all();
  ASSERT_EQ(all.size(), 3u);
  log.expect_whole(0, 3);
  EXPECT_EQ(all[0].failure.step, spawn_step::exec);
  EXPECT_EQ(all[0].failure.code, std::errc::no_such_file_or_directory);
  EXPECT_EQ(all[0].failure.program, "/nonexistent");
  EXPECT_EQ(all[0].pid, -1);
  EXPECT_GE(all[0].over, all[0].begun);
  EXPECT_EQ(all[1].failure.step, spawn_step::chdir);
  EXPECT_EQ(all[2].failure.step, spawn_step::prepare);
}

TEST_P(observing, tells_of_a_hook_that_fails)
{
  const observer_log log;
  std::error_code ec;
  spawn(good().pre_exec([] { return std::make_error_code(std::errc::timed_out); }), ec);
  ASSERT_EQ(log.all().size(), 1u);
  EXPECT_EQ(log.all()[0].failure.code, ec);
}

TEST_P(observing, covers_what_runs_and_captures)
{
  const observer_log log;
  run(good());
  capture(helper({"echo", "text"}));
  std::error_code ec;
  capture(program("/nonexistent"), ec);
  const pipeline_result result = capture(helper({"echo", "text"}) | helper({"cat"}));
  EXPECT_EQ(result.out, "text\n");
  log.expect_whole(4, 1);
}

TEST_P(observing, tells_the_end_of_what_is_out_of_time)
{
  EXPECT_TRUE(given_enough_time(50ms, [&](auto limit) { // To be started.
    const observer_log log;
    std::error_code ec;
    run(helper({"hang"}), {.limit = limit}, ec);
    EXPECT_EQ(ec, std::errc::timed_out);
    const bool started = log.count(observed::started) > 0;
    log.expect_whole(started, !started);
    return started;
  }));
}

TEST_P(observing, tells_of_a_launch_that_takes_too_long)
{
  const scratch_directory scratch;
  const std::string fifo = scratch / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_TRUE(given_enough_time(20ms, [&](auto limit) { // To come as far as the file.
    const observer_log log;
    std::error_code ec;
    run(good().stdin_from(stdio::read_file(fifo)), {.limit = limit}, ec);
    log.expect_whole(0, 1);
    EXPECT_EQ(log.all()[0].failure.code, std::errc::timed_out);
    return log.all()[0].failure.step == spawn_step::open_file;
  }));
}

TEST_P(observing, tells_the_end_of_a_child_that_was_dropped)
{
  const observer_log log;
  spawn(helper({"cat"}).stdin_from(stdio::pipe()));
  EXPECT_TRUE(eventually([&] {
    detail::reap_orphans();
    return log.count(observed::ended) == 1;
  }));
  log.expect_whole(1, 0);
}

TEST_P(observing, tells_that_others_have_reaped_a_child)
{
  const observer_log log;
  child waited_for = spawn(good());
  child signalled = spawn(good());
  int ignored = 0;
  ASSERT_EQ(::waitpid(waited_for.id(), &ignored, 0), waited_for.id());
  ASSERT_EQ(::waitpid(signalled.id(), &ignored, 0), signalled.id());
  std::error_code ec;
  waited_for.wait(ec);
  signalled.send_signal(SIGTERM, ec);
  ASSERT_EQ(log.count(observed::ended), 2u);
  log.expect_whole(2, 0);
  for (const observation& seen : log.all())
    if (seen.what == observed::ended) {
      EXPECT_EQ(seen.error, std::errc::no_child_process);
      EXPECT_FALSE(seen.report);
      EXPECT_EQ(seen.status, exit_status());
    }
}

TEST_P(observing, covers_what_began_while_it_lived)
{
  child before = spawn(good());
  observer_log log;
  child during = spawn(good());
  before.wait();
  EXPECT_EQ(log.all().size(), 1u);
  log.stop();
  during.wait();
  run(good());
  EXPECT_EQ(log.all().size(), 1u) << "nothing is told afterwards";
}

TEST_P(observing, is_for_any_number_of_observers)
{
  const observer_log first;
  child running;
  {
    const observer_log second;
    running = spawn(good());
    EXPECT_EQ(second.all().size(), 1u);
  }
  running.wait();
  first.expect_whole(1, 0);
}

TEST_P(observing, drops_what_an_observer_throws)
{
  const observer bad([](const observation&) { throw std::runtime_error("host"); });
  const observer worse([](const observation&) { throw 1; });
  const observer_log log;
  EXPECT_TRUE(run(good()).success());
  std::error_code ec;
  spawn(program("/nonexistent"), ec);
  EXPECT_EQ(ec, std::errc::no_such_file_or_directory);
  log.expect_whole(1, 1);
}

TEST_P(observing, does_not_call_an_observer_within_itself)
{
  int depth = 0;
  int starts = 0;
  const observer_log log;
  const observer nested([&](const observation& seen) {
    EXPECT_EQ(++depth, 1);
    if (seen.what == observed::started && ++starts <= 3) {
      EXPECT_TRUE(run(good()).success());
    }
    --depth;
  });
  EXPECT_TRUE(run(good()).success());
  log.expect_whole(4, 0);
}

TEST_P(observing, lets_an_observer_end_itself)
{
  std::optional<observer> own;
  int calls = 0;
  own.emplace([&](const observation&) {
    ++calls;
    own.reset();
  });
  run(good());
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(own);
}

TEST_P(observing, lets_an_observer_do_as_it_likes_with_the_child)
{
  child mine;
  std::error_code refused;
  const observer meddling([&](const observation& seen) {
    if (seen.what == observed::ended)
      mine.send_signal(SIGTERM, refused); // Takes the lock of the child.
  });
  mine = spawn(good());
  mine.wait();
  EXPECT_EQ(refused, std::errc::invalid_argument);
}

TEST_P(observing, waits_for_calls_on_other_threads)
{
  std::atomic<bool> is_called = false;
  std::atomic<bool> may_return = false;
  std::atomic<bool> has_returned = false;
  std::optional<observer> slow;
  slow.emplace([&](const observation&) {
    is_called = true;
    EXPECT_TRUE(eventually([&] { return may_return.load(); }));
    has_returned = true;
  });
  std::thread spawning([&] { spawn(good()).wait(); });
  EXPECT_TRUE(eventually([&] { return is_called.load(); }));
  std::thread releasing([&] { may_return = true; });
  slow.reset();
  EXPECT_TRUE(has_returned);
  spawning.join();
  releasing.join();
}

TEST_P(observing, tells_start_and_end_in_order_on_many_threads)
{
  const observer_log log;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 10; ++n) {
        const observer passing([](const observation&) {}); // They come and go meanwhile.
        run(good());
      }
    });
  for (std::thread& one : threads)
    one.join();
  log.expect_whole(40, 0);
}

TEST_P(observing, tells_the_start_before_an_end_that_another_thread_notices)
{
  using detail::observed_child;
  observer_log log;
  const auto seen = observed_child::of_launch(good());
  seen->ended({}, exit_status(0), {});
  EXPECT_EQ(log.all().size(), 0u);
  seen->started(4711, launcher::fork);
  log.expect_whole(1, 0);
}

TEST_P(observing, goes_on_in_a_fork_for_the_children_of_that_copy)
{
  observer_log log;
  child of_parent = spawn(good());
  const pid_t copy = ::fork();
  if (copy == 0) {
    std::error_code ec;
    of_parent.wait(ec);
    const bool tells_nothing = log.all().size() == 1;
    run(good());
    log.stop(); // Waits for nobody.
    ::_exit(tells_nothing && log.all().size() == 3 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(copy, &status, 0), copy);
  EXPECT_EQ(status, 0);
  of_parent.wait();
  log.expect_whole(1, 0);
}

TEST_P(observing, survives_a_fork_within_an_observer)
{
  int told = 0;
  pid_t copy = -1;
  const observer forking([&](const observation& seen) {
    ++told;
    if (seen.what == observed::started)
      copy = ::fork();
  });
  child running = spawn(good());
  if (copy == 0) {
    std::error_code ec;
    running.wait(ec);
    ::_exit(told == 1 ? 0 : 1); // Of the parent's child it hears no more.
  }
  int status = 0;
  ASSERT_EQ(::waitpid(copy, &status, 0), copy);
  EXPECT_EQ(status, 0);
  running.wait();
  EXPECT_EQ(told, 2);
}

// What an observer starts is told behind the rest, and so waits in its copy too.
TEST_P(observing, tells_nothing_of_the_parents_behind_a_fork_within_an_observer)
{
  int told = 0;
  pid_t copy = -1;
  child second;
  const observer forking([&](const observation&) {
    if (++told > 1)
      return;
    second = spawn(good());
    copy = ::fork();
  });
  child running = spawn(good());
  if (copy == 0)
    ::_exit(told == 1 ? 0 : 1);
  int status = 0;
  ASSERT_EQ(::waitpid(copy, &status, 0), copy);
  EXPECT_EQ(status, 0);
  running.wait();
  second.wait();
  EXPECT_EQ(told, 4);
}

class observing_others : public baseline {};

TEST_F(observing_others, tells_of_an_adoption)
{
  const observer_log log;
  const pid_t pid = ::fork();
  if (pid == 0)
    ::_exit(4);
  child adopted = child::adopt(pid);
  std::error_code ec;
  child::adopt(-1, ec);
  adopted.wait();
  const auto all = log.all();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].what, observed::adopted);
  EXPECT_EQ(all[0].pid, pid);
  EXPECT_EQ(all[1].what, observed::ended);
  EXPECT_EQ(all[1].number, all[0].number);
  EXPECT_EQ(all[1].status.code(), 4);
}

TEST_F(observing_others, says_all_in_a_line)
{
  observation seen;
  seen.pid = 4711;
  seen.command_line = "make -j2";
  EXPECT_EQ(to_string(seen), "started 4711: make -j2");
  seen.what = observed::ended;
  seen.status = exit_status(0x200);
  EXPECT_EQ(to_string(seen), "ended 4711: make -j2: exit code: 2");
  seen.error.assign(ECHILD, std::system_category());
  EXPECT_EQ(to_string(seen), "ended 4711: make -j2: " + seen.error.message());
  seen.what = observed::failed;
  seen.failure = {{ENOENT, std::system_category()}, spawn_step::exec, "make", {}};
  EXPECT_EQ(to_string(seen), "failed: spawn \"make\": exec: No such file or directory");
  seen = {};
  seen.what = observed::adopted;
  seen.pid = 4711;
  std::ostringstream out;
  out << seen << ' ' << seen.what;
  EXPECT_EQ(out.str(), "adopted 4711 adopted");
  EXPECT_EQ(to_string(static_cast<observed>(99)), "unknown");
}

TEST_F(observing_others, an_observer_of_nothing_is_told_nothing)
{
  observer none;
  const observer empty{observer::function()};
  none = observer();
  observer moved(std::move(none));
  run(helper({"exit", "0"}));
}

} // namespace
} // namespace subprocess::tests
