#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include <algorithm>
#include <csignal>
#include <memory>
#include <utility>
#include <vector>

#include "async_functions.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

/// A handler that tells whether it was destroyed, and how often it ran.
class traced_handler {
public:
  explicit traced_handler(int& runs) : runs_(&runs), alive_(std::make_shared<int>()) {}

  std::weak_ptr<int> alive() const { return alive_; }

  template <class... Args>
  void operator()(Args&&...) const
  {
    ++*runs_;
  }

private:
  int* runs_;
  std::shared_ptr<int> alive_;
};

// ---- the end of an async_child ----

class destruction : public io_fixture {
protected:
  bool is_running(pid_t pid) const
  {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
  }

  /// What a test left running on purpose.
  void end_and_see_it_reaped(pid_t pid)
  {
    EXPECT_TRUE(is_running(pid));
    ::kill(pid, SIGKILL);
    run_until([&] { return !is_our_child(pid); });
  }
};
SUBPROCESS_FOR_EACH_SETUP(destruction);

TEST_P(destruction, kills_and_reaps_in_the_background)
{
  pid_t pid = -1;
  {
    async_child helper = start_ready({"ignore", std::to_string(SIGTERM)});
    pid = helper.id();
  }
  run_to_end(); // Busy until it is reaped, and no longer.
  EXPECT_FALSE(is_our_child(pid));
}

TEST_P(destruction, does_not_wait)
{
  async_child helper = start_ready({"ready-then-hang"});
  const pid_t pid = helper.id();
  helper = {};
  // Not reaped by the destructor: that is the loop's affair.
  EXPECT_TRUE(is_our_child(pid));
}

TEST_P(destruction, of_an_ended_child_does_nothing)
{
  {
    async_child helper = start({"exit", "0"});
    end_of(helper);
  }
  EXPECT_FALSE(is_busy());
}

TEST_P(destruction, of_a_zombie_reaps_it)
{
  pid_t pid = -1;
  {
    async_child helper = start({"exit", "0"});
    pid = helper.id();
    wait_until_exited(pid);
  }
  run_to_end();
  EXPECT_FALSE(is_our_child(pid));
}

TEST_P(destruction, spares_a_child_that_is_not_to_be_killed)
{
  pid_t pid = -1;
  {
    async_child helper = start(this->helper({"hang"}).kill_on_destroy(false));
    pid = helper.id();
  }
  EXPECT_FALSE(is_busy());
  end_and_see_it_reaped(pid);
}

TEST_P(destruction, kills_when_that_is_asked_for)
{
  pid_t pid = -1;
  {
    async_child helper = start(this->helper({"hang"}).kill_on_destroy(true));
    pid = helper.id();
  }
  run_to_end();
  EXPECT_FALSE(is_our_child(pid));
}

TEST_P(destruction, spares_a_detached_child_and_reaps_it_later)
{
  pid_t pid = -1;
  {
    async_child helper = start(this->helper({"hang"}));
    helper.detach();
    pid = helper.id();
  }
  EXPECT_FALSE(is_busy());
  end_and_see_it_reaped(pid);
}

TEST_P(destruction, closes_the_pipes_of_a_detached_child)
{
  pid_t pid = -1;
  {
    async_child cat = start({"cat"});
    cat.detach();
    pid = cat.id();
  }
  run_until([&] { return !is_our_child(pid); }); // The end-of-file ended it.
}

TEST_P(destruction, of_what_is_overwritten_follows_the_same_rule)
{
  async_child helper = start({"hang"});
  const pid_t first = helper.id();
  helper = start({"hang"});
  const pid_t second = helper.id();
  run_until([&] { return !is_our_child(first); });
  EXPECT_TRUE(is_running(second));
  helper = {};
  run_to_end();
  EXPECT_FALSE(is_our_child(second));
}

TEST_P(destruction, lets_a_detached_child_be_waited_for)
{
  async_child helper = start({"hang"});
  helper.detach();
  wait_result result;
  helper.async_wait(result.handler());
  EXPECT_TRUE(is_busy());
  helper.kill();
  run_to_end();
  EXPECT_EQ(result.status.signal(), SIGKILL);
}

// ---- the end of a context ----

class context_end : public io_fixture {
protected:
  /// The child is gone without anybody's help but that of the library.
  void expect_killed(pid_t pid)
  {
    EXPECT_TRUE(all_children_gone());
    EXPECT_FALSE(is_our_child(pid));
  }
};
SUBPROCESS_FOR_EACH_SETUP(context_end);

// Nobody is left who could go through its stop sequence.
TEST_P(context_end, kills_a_dropped_child_that_is_being_stopped)
{
  {
    command deaf = helper({"ignore", "15"});
    async_child dropped =
        start(deaf.stdout_to(stdio::pipe()).stop_with(stop_sequence{{SIGTERM, 1h}}).stop_on_destroy());
    EXPECT_EQ(read_line(dropped.stdout_pipe().native_handle()), "ready");
  }
  EXPECT_TRUE(is_busy());
  end_context();
  EXPECT_TRUE(all_children_gone());
}

TEST_P(context_end, without_any_child_leaves_nothing)
{
  EXPECT_EQ(reaper_in_use(context()), GetParam().source);
  end_context();
}

TEST_P(context_end, after_a_spawn_that_failed_leaves_nothing)
{
  std::error_code ec;
  spawn(context(), program("/nonexistent"), ec);
  EXPECT_TRUE(ec);
  end_context();
}

TEST_P(context_end, before_it_ever_ran_calls_no_handler)
{
  int runs = 0;
  traced_handler handler(runs);
  const auto alive = handler.alive();
  pid_t pid = -1;
  {
    async_child helper = start({"hang"});
    pid = helper.id();
    helper.async_wait(std::move(handler));
  }
  end_context();
  EXPECT_EQ(runs, 0);
  EXPECT_TRUE(alive.expired());
  expect_killed(pid);
}

// Each child ends at about the moment at which Asio takes its signal pipe down.
TEST_P(context_end, survives_the_signals_of_children_that_end_with_it)
{
  for (int i = 0; i < 100; ++i) {
    asio::io_context short_lived;
    use_source(short_lived);
    for (int children = 0; children < 3; ++children)
      async_child killed = spawn(short_lived, this->helper({"hang"}));
  }
  EXPECT_TRUE(all_children_gone());
}

TEST_P(context_end, with_pending_waiters_calls_no_handler)
{
  int runs = 0;
  traced_handler handler(runs);
  const auto alive = handler.alive();
  pid_t pid = -1;
  {
    async_child helper = start_ready({"ignore", std::to_string(SIGTERM)});
    pid = helper.id();
    for (int i = 0; i < 3; ++i)
      helper.async_wait(handler);
    helper.async_stop(1h, handler);
    handler = traced_handler(runs);
    EXPECT_TRUE(is_busy());
  }
  end_context();
  EXPECT_EQ(runs, 0);
  EXPECT_TRUE(alive.expired());
  expect_killed(pid);
}

TEST_P(context_end, with_completions_on_the_way_calls_no_handler)
{
  int runs = 0;
  traced_handler handler(runs);
  const auto alive = handler.alive();
  {
    async_child helper = start({"exit", "0"});
    end_of(helper);
    helper.async_wait(std::move(handler)); // Posted, and never to run.
  }
  end_context();
  EXPECT_EQ(runs, 0);
  EXPECT_TRUE(alive.expired());
}

TEST_P(context_end, with_a_zombie_leaves_none)
{
  pid_t pid = -1;
  {
    async_child helper = start({"hang"}); // One that ends by itself may be reaped by the spawn.
    helper.detach();
    pid = helper.id();
    ::kill(pid, SIGKILL);
    wait_until_exited(pid);
  }
  EXPECT_TRUE(is_our_child(pid));
  end_context();
  EXPECT_FALSE(is_our_child(pid)); // At once, since it has ended.
}

TEST_P(context_end, spares_a_detached_child_that_is_reaped_by_later_spawns)
{
  pid_t pid = -1;
  {
    async_child helper = start(this->helper({"hang"}));
    helper.detach();
    pid = helper.id();
  }
  is_busy();
  end_context();
  ::kill(pid, 0);
  EXPECT_TRUE(is_our_child(pid));
  ::kill(pid, SIGKILL);
  wait_until_exited(pid);
  async_child next = start({"exit", "0"});
  end_of(next);
  EXPECT_FALSE(is_our_child(pid));
}

TEST_P(context_end, lets_a_later_context_reap_what_is_left)
{
  pid_t pid = -1;
  {
    async_child helper = start(this->helper({"hang"}).kill_on_destroy(false));
    pid = helper.id();
  }
  end_context();
  async_child other = start({"hang"});
  ::kill(pid, SIGKILL);
  wait_until_exited(pid);
  wait_result result;
  other.async_wait(result.handler());
  other.kill(); // The reaper's work is an occasion too.
  run_to_end();
  EXPECT_EQ(result.status.signal(), SIGKILL);
  EXPECT_FALSE(is_our_child(pid));
}

// The child lives in the frame of a coroutine, which the context destroys while
// it shuts down.
TEST_P(context_end, kills_the_child_of_a_suspended_coroutine)
{
  pid_t pid = -1;
  asio::co_spawn(
      context(),
      [&]() -> asio::awaitable<void> {
        async_child cat = start({"cat"});
        pid = cat.id();
        co_await cat.async_wait(asio::use_awaitable);
        ADD_FAILURE() << "the wait has ended";
      },
      asio::detached);
  EXPECT_TRUE(is_busy());
  ASSERT_NE(pid, -1);
  end_context();
  expect_killed(pid);
}

TEST_P(context_end, spares_the_detached_child_of_a_suspended_coroutine)
{
  pid_t pid = -1;
  asio::co_spawn(
      context(),
      [&]() -> asio::awaitable<void> {
        const command what = helper({"hang"});
        async_child helper = start(what);
        helper.detach();
        pid = helper.id();
        co_await helper.async_wait(asio::use_awaitable);
        ADD_FAILURE() << "the wait has ended";
      },
      asio::detached);
  EXPECT_TRUE(is_busy());
  ASSERT_NE(pid, -1);
  end_context();
  EXPECT_EQ(::kill(pid, 0), 0);
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT);
  EXPECT_EQ(info.si_pid, 0) << "it has ended";
  ::kill(pid, SIGKILL);
  expect_killed(pid);
}

TEST_P(context_end, with_children_in_every_state)
{
  int runs = 0;
  std::vector<std::weak_ptr<int>> alive;
  const auto handler = [&] {
    traced_handler made(runs);
    alive.push_back(made.alive());
    return made;
  };
  asio::cancellation_signal cancel;
  {
    async_child running = start({"hang"});
    running.async_wait(handler());
    async_child exited = start({"exit", "0"});
    exited.async_wait(handler());
    wait_until_exited(exited.id());
    async_child reaped = start({"exit", "0"});
    end_of(reaped);
    runs = 0; // The exited one may have been noticed on the way.
    alive.clear();
    reaped.async_wait(handler());
    async_child stolen = start({"exit", "0"});
    wait_until_exited(stolen.id());
    ::waitpid(stolen.id(), nullptr, 0);
    stolen.async_wait(handler());
    async_child cancelled = start({"hang"});
    cancelled.async_wait(asio::bind_cancellation_slot(cancel.slot(), handler()));
    cancel.emit(asio::cancellation_type::terminal);
    async_child stopping = start({"hang"});
    stopping.async_stop(1h, handler());
    async_run(context(), helper({"hang"}), handler());
    async_capture(context(), helper({"hang"}), handler());
    async_spawn(context(), helper({"hang"}), handler());
  }
  end_context();
  EXPECT_EQ(runs, 0);
  for (const auto& one : alive)
    EXPECT_TRUE(one.expired());
  EXPECT_TRUE(all_children_gone());
}

TEST_P(context_end, kills_the_children_of_operations_that_were_just_launched)
{
  int runs = 0;
  reached_cat run = cat();
  reached_cat captured = cat();
  reached_cat spawned = cat();
  async_run(context(), run.what, traced_handler(runs));
  async_capture(context(), captured.what, traced_handler(runs));
  async_spawn(context(), spawned.what, traced_handler(runs));
  for (reached_cat* one : {&run, &captured, &spawned})
    one->expect_answer(); // All are programs now, and the loop knows nothing of it.
  end_context();
  EXPECT_EQ(runs, 0);
  for (reached_cat* one : {&run, &captured, &spawned})
    one->expect_gone();
  EXPECT_TRUE(all_children_gone());
}

TEST_P(context_end, kills_the_children_of_operations_that_wait_for_them)
{
  int runs = 0;
  reached_cat run = cat();
  reached_cat captured = cat();
  async_run(context(), run.what, traced_handler(runs));
  async_capture(context(), captured.what, traced_handler(runs));
  run.expect_answer();
  captured.expect_answer();
  bool later_one_has_come = false;
  async_spawn(context(), helper({"exit", "0"}), [&](std::error_code, async_child) { later_one_has_come = true; });
  run_until([&] { return later_one_has_come; });
  end_context();
  EXPECT_EQ(runs, 0);
  run.expect_gone();
  captured.expect_gone();
  EXPECT_TRUE(all_children_gone());
}

// What waits in the queue of a context goes after the context's reaper.
TEST_P(context_end, kills_the_child_of_a_queued_function_though_it_was_to_be_stopped)
{
  async_child running = start(helper({"hang"}).stop_on_destroy());
  asio::post(context(), [child = std::move(running)] {});
  end_context();
  EXPECT_TRUE(all_children_gone());
}

TEST_P(context_end, drops_a_wait_that_begins_after_the_reaper)
{
  const auto alive = std::make_shared<int>();
  auto running = std::make_shared<async_child>(start({"hang"}));
  std::shared_ptr<void> asks(nullptr, [running, alive](void*) {
    running->async_wait([alive](std::error_code, exit_status) { ADD_FAILURE(); });
  });
  running.reset();
  asio::post(context(), [asked = std::move(asks)] {});
  end_context();
  EXPECT_EQ(alive.use_count(), 1);
  EXPECT_TRUE(all_children_gone());
}

TEST_P(context_end, does_not_mind_a_late_cancellation)
{
  asio::cancellation_signal wait_cancel, run_cancel, stop_cancel;
  int runs = 0;
  {
    async_child helper = start_ready({"ignore", std::to_string(SIGTERM)});
    helper.async_wait(asio::bind_cancellation_slot(wait_cancel.slot(), traced_handler(runs)));
    helper.async_stop(1h, asio::bind_cancellation_slot(stop_cancel.slot(), traced_handler(runs)));
    async_run(context(), this->helper({"hang"}), asio::bind_cancellation_slot(run_cancel.slot(), traced_handler(runs)));
    is_busy();
  }
  end_context();
  for (auto* cancel : {&wait_cancel, &run_cancel, &stop_cancel})
    cancel->emit(asio::cancellation_type::terminal);
  EXPECT_EQ(runs, 0);
  EXPECT_TRUE(all_children_gone());
}

// ---- the end of a context, whatever was started ----

/// When a context ends, seen from the functions that were started.
enum class moment { before_it_ran, while_they_wait, when_their_event_has_come };

/// What owns the children and the streams that the functions were started on.
enum class owner { the_caller, the_handler };

class context_end_of_every_function : public function_fixture {
protected:
  void try_all(moment when, owner whose)
  {
    int runs = 0;
    std::vector<std::weak_ptr<int>> alive;
    std::vector<std::shared_ptr<trial>> trials;
    for_each_async_function([&](const char*, auto start) {
      const auto with = trials.emplace_back(make_trial());
      traced_handler handler(runs);
      alive.push_back(handler.alive());
      const auto owned = whose == owner::the_handler ? with : nullptr;
      start(*with, [handler, owned](auto&&... args) { handler(args...); });
    });
    bring_to(when, trials);
    const int before = runs; // The spawn has completed, and nothing else.
    EXPECT_EQ(before, when == moment::before_it_ran ? 0 : 1);
    trials.clear();
    end_context();
    EXPECT_EQ(runs, before);
    for (const auto& one : alive)
      EXPECT_TRUE(one.expired());
    EXPECT_TRUE(all_children_gone());
  }

private:
  void bring_to(moment when, const std::vector<std::shared_ptr<trial>>& trials)
  {
    if (when == moment::before_it_ran)
      return;
    run_until([&] { return std::ranges::all_of(trials, [](const auto& one) { return one->is_ready(); }); });
    is_busy();
    if (when == moment::while_they_wait)
      return;
    for (const auto& one : trials)
      one->finish();
    for (const auto& one : trials)
      one->expect_ended(); // Without the loop, which has not heard of it.
  }
};
SUBPROCESS_FOR_EACH_SETUP(context_end_of_every_function);

TEST_P(context_end_of_every_function, before_it_ran)
{
  try_all(moment::before_it_ran, owner::the_caller);
  try_all(moment::before_it_ran, owner::the_handler);
}

TEST_P(context_end_of_every_function, while_it_waits)
{
  try_all(moment::while_they_wait, owner::the_caller);
  try_all(moment::while_they_wait, owner::the_handler);
}

TEST_P(context_end_of_every_function, when_the_event_has_come)
{
  try_all(moment::when_their_event_has_come, owner::the_caller);
  try_all(moment::when_their_event_has_come, owner::the_handler);
}

// ---- a fork()ed copy of the host ----

class forked_host : public io_fixture {
protected:
  /// The child of the original runs, and its end is still noticed.
  void expect_undisturbed(async_child& child, wait_result& pending)
  {
    std::error_code ec;
    child.send_signal(0, ec);
    EXPECT_FALSE(ec) << ec.message();
    EXPECT_TRUE(is_busy());
    EXPECT_EQ(pending.calls, 0);
    child.kill();
    run_to_end();
    EXPECT_EQ(pending.status.signal(), SIGKILL);
  }
};
SUBPROCESS_FOR_EACH_SETUP(forked_host);

TEST_P(forked_host, may_exit)
{
  async_child helper = start({"hang"});
  wait_result pending;
  helper.async_wait(pending.handler());
  EXPECT_TRUE(is_busy());
  EXPECT_TRUE(in_fork([] {}).success());
  expect_undisturbed(helper, pending);
}

// The loop is held until the child that was killed is reaped, which is the original's to do.
TEST_P(forked_host, that_goes_on_with_the_context_is_not_held_by_children_of_the_original)
{
  start({"hang"}); // Dropped at once.
  context().notify_fork(asio::execution_context::fork_prepare);
  EXPECT_TRUE(in_fork([&] {
                context().notify_fork(asio::execution_context::fork_child);
                run_to_end();
              }).success());
  context().notify_fork(asio::execution_context::fork_parent);
  run_to_end();
  EXPECT_FALSE(has_children());
}

TEST_P(forked_host, may_destroy_its_copy_of_the_child)
{
  async_child helper = start({"hang"});
  wait_result pending;
  helper.async_wait(pending.handler());
  EXPECT_TRUE(is_busy());
  EXPECT_TRUE(in_fork([&] { helper = {}; }).success());
  expect_undisturbed(helper, pending);
}

TEST_P(forked_host, may_destroy_its_copy_of_a_child_whose_pipe_is_read)
{
  command echo = this->helper({"cat"});
  async_child cat = start(echo.stdin_from(stdio::pipe()).stdout_to(stdio::pipe()));
  char answer = 0;
  cat.stdout_pipe().async_read_some(asio::buffer(&answer, 1), [](std::error_code, std::size_t) {});
  EXPECT_TRUE(is_busy());
  EXPECT_TRUE(in_fork([&] { cat = {}; }).success());
  EXPECT_EQ(asio::write(cat.stdin_pipe(), asio::buffer("x", 1)), 1u);
  run_until([&] { return answer == 'x'; });
}

TEST_P(forked_host, may_destroy_its_copies_of_child_and_context)
{
  async_child helper = start({"hang"});
  wait_result pending;
  helper.async_wait(pending.handler());
  EXPECT_TRUE(is_busy());
  const exit_status copy = in_fork([&] {
    helper = {};
    end_context();
    EXPECT_EQ(pending.calls, 0);
  });
  EXPECT_TRUE(copy.success()) << copy;
  expect_undisturbed(helper, pending);
}

// By the signal itself: the reaper would find out without it, but late.
TEST_P(forked_host, may_destroy_a_context_and_the_original_still_hears_signals_at_once)
{
  asio::signal_set signals(context(), SIGCHLD);
  async_child helper = start({"hang"});
  wait_result pending;
  helper.async_wait(pending.handler());
  EXPECT_TRUE(is_busy());
  EXPECT_TRUE(in_fork([&] { end_context(); }).success());
  bool heard = false;
  signals.async_wait([&](std::error_code ec, int) { heard = !ec; });
  helper.kill();
  run_until([&] { return heard && pending.calls == 1; });
}

// The copy has the operations too, in whatever state, but not the threads.
TEST_P(forked_host, may_destroy_a_context_with_operations_that_were_just_launched)
{
  reached_cat cat = this->cat();
  wait_result run;
  async_run(context(), cat.what, run.handler());
  cat.expect_answer();
  const exit_status copy = in_fork([&] { end_context(); });
  EXPECT_TRUE(copy.success()) << copy;
  cat.expect_answer();
  cat.input.reset();
  run_to_end();
  EXPECT_FALSE(run.ec) << run.ec.message();
  EXPECT_EQ(run.status.code(), 0);
}

TEST_P(forked_host, may_destroy_a_context_with_operations_that_wait)
{
  reached_cat cat = this->cat();
  wait_result run;
  async_run(context(), cat.what, run.handler());
  cat.expect_answer();
  bool later_one_has_come = false;
  async_spawn(context(), helper({"exit", "0"}), [&](std::error_code, async_child) { later_one_has_come = true; });
  run_until([&] { return later_one_has_come; });
  const exit_status copy = in_fork([&] { end_context(); });
  EXPECT_TRUE(copy.success()) << copy;
  cat.expect_answer();
  cat.input.reset();
  run_to_end();
  EXPECT_FALSE(run.ec) << run.ec.message();
  EXPECT_EQ(run.status.code(), 0);
}

} // namespace
} // namespace subprocess::tests
