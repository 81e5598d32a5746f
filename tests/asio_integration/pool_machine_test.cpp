#include <asio_integration/detail/pool/pool_machine.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <optional>
#include <variant>
#include <vector>

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;
using detail::arm_timer;
using detail::asker_id;
using detail::cancel_spawn;
using detail::disarm_timer;
using detail::finish_replace;
using detail::finish_run;
using detail::finish_wait;
using detail::hand_out;
using detail::kill_worker;
using detail::pool_action;
using detail::pool_actions;
using detail::pool_machine;
using detail::pool_time;
using detail::refuse;
using detail::spawn_worker;
using detail::stop_worker;
using detail::tell;
using detail::worker_id;
using lease_end = pool_machine::lease_end;

const exit_status killed(SIGKILL);
const exit_status success(0);

exit_status exited(int code)
{
  return exit_status(code << 8);
}

std::error_code code_of(int number)
{
  return {number, std::system_category()};
}

constexpr worker_id worker(std::size_t slot, std::uint64_t number)
{
  return {slot, number};
}

worker_pool_options for_table(std::size_t size = 1)
{
  worker_pool_options options;
  options.size = size;
  options.delay = {.first = 1s, .most = 4s, .healthy = 10s, .factor = 2, .jitter = 0};
  options.ready_within = 0s;
  return options;
}

// A machine, its clock, and what it wants done. What is not taken is looked at by
// the next call of done().
class pool_table : public testing::Test {
protected:
  void make(const worker_pool_options& options) { machine.emplace(options); }

  // Started, with all workers ready, and nothing left to be done.
  void make_running(const worker_pool_options& options)
  {
    make(options);
    machine->start(now);
    for (std::size_t slot = 0; slot < options.size; ++slot)
      come_up(worker(slot, slot + 1));
    done();
  }

  void come_up(worker_id started)
  {
    machine->spawned(started, 100 + static_cast<pid_t>(started.number), now, 0);
    if (machine->counts().starting != 0)
      machine->ready(started, now);
  }

  void end(worker_id ended, exit_status how = killed, double random = 0) { machine->ended(ended, how, now, random); }

  void pass(std::chrono::nanoseconds time)
  {
    now += time;
    if (timer && *timer <= now) {
      timer.reset();
      machine->timer_expired(now);
    }
  }

  // Everything but events and the timer.
  std::vector<pool_action> done()
  {
    pool_actions all;
    machine->take(all);
    std::vector<pool_action> rest;
    events.clear();
    for (const pool_action& action : all) {
      if (const auto* const told = std::get_if<tell>(&action))
        events.push_back(told->event);
      else if (const auto* const armed = std::get_if<arm_timer>(&action))
        timer = armed->at;
      else if (std::holds_alternative<disarm_timer>(action))
        timer.reset();
      else
        rest.push_back(action);
    }
    return rest;
  }

  std::vector<std::string> told() const
  {
    std::vector<std::string> texts;
    for (const pool_event& event : events)
      texts.push_back(to_string(event));
    return texts;
  }

  using actions = std::vector<pool_action>;
  using lines = std::vector<std::string>;

  std::optional<pool_machine> machine;
  pool_time now{1h};
  std::optional<pool_time> timer;
  std::vector<pool_event> events; // Of the last done().
};

TEST_F(pool_table, what_is_told_of_nobody_changes_nothing)
{
  make_running(for_table());
  const pool_counts before = machine->counts();
  const worker_id nobody = worker(0, 99);
  machine->start(now);
  machine->spawn_failed(nobody, code_of(EPERM), now, 0);
  machine->spawned(nobody, 100, now, 0);
  machine->ready(nobody, now);
  machine->extend_start(nobody, 1s, now);
  machine->alive(nobody, now);
  machine->alarm(nobody);
  machine->misbehaved(nobody);
  machine->leaves(nobody);
  machine->reloading(nobody);
  machine->ended(nobody, killed, now, 0);
  machine->stop_failed(nobody, code_of(EPERM), now, 0);
  EXPECT_TRUE(done().empty());
  EXPECT_EQ(machine->counts(), before);
}

// ---- a spawn fails, or no worker is ready in time, before any ever was

TEST_F(pool_table, a_first_spawn_that_fails_ends_the_pool_at_once_with_its_error)
{
  make(for_table(2));
  machine->acquire(1, now);
  machine->wait_ready(2, 2);
  machine->start(now);
  EXPECT_EQ(done(), (actions{spawn_worker{worker(0, 1), 0}, spawn_worker{worker(1, 2), 0}}));

  machine->spawn_failed(worker(0, 1), code_of(ENOENT), now, 0);
  EXPECT_EQ(done(), (actions{refuse{1, code_of(ENOENT)}, finish_wait{2, code_of(ENOENT)}, cancel_spawn{worker(1, 2)}}));
  EXPECT_EQ(told(), (lines{"worker 1 (slot 0): spawn failed: No such file or directory",
                           "pool: gave up: No such file or directory"}));
  machine->spawn_failed(worker(1, 2), code_of(ECANCELED), now, 0);
  EXPECT_EQ(done(), (actions{finish_run{code_of(ENOENT)}}));
}

TEST_F(pool_table, a_first_worker_that_is_not_ready_in_time_ends_the_pool_at_once)
{
  worker_pool_options options = for_table(2);
  options.ready = readiness::notify();
  options.ready_within = 10s;
  make(options);
  machine->start(now);
  machine->spawned(worker(0, 1), 101, now, 0);
  machine->spawned(worker(1, 2), 102, now, 0);
  done();
  pass(10s);
  EXPECT_EQ(done(), (actions{stop_worker{worker(0, 1)}, stop_worker{worker(1, 2)}}));
  EXPECT_EQ(told(), (lines{"worker 1 (slot 0, pid 101): stopping: not_ready", "pool: gave up: Connection timed out",
                           "worker 2 (slot 1, pid 102): stopping: pool_ends"}));
  EXPECT_FALSE(timer);
  end(worker(0, 1));
  EXPECT_EQ(done(), actions{}) << "one is left";
  end(worker(1, 2));
  EXPECT_EQ(done(), (actions{finish_run{code_of(ETIMEDOUT)}}));
  EXPECT_EQ(machine->counts().deaths, 1u);
}

TEST_F(pool_table, a_first_worker_that_dies_before_it_is_ready_ends_the_pool_at_once)
{
  worker_pool_options options = for_table();
  options.ready = readiness::line("ready");
  make(options);
  machine->start(now);
  machine->spawned(worker(0, 1), 101, now, 0);
  done();
  end(worker(0, 1), exited(3));
  EXPECT_EQ(done(), (actions{finish_run{code_of(ENOTRECOVERABLE)}}));
  EXPECT_EQ(told(), (lines{"worker 1 (slot 0, pid 101): died: exit code: 3", "pool: gave up: State not recoverable"}));
}

TEST_F(pool_table, a_start_may_ask_for_more_time)
{
  worker_pool_options options = for_table();
  options.ready = readiness::notify();
  options.ready_within = 10s;
  make(options);
  machine->start(now);
  machine->spawned(worker(0, 1), 101, now, 0);
  done();
  pass(9s);
  machine->extend_start(worker(0, 1), 5s, now);
  EXPECT_EQ(done(), actions{});
  EXPECT_EQ(timer, now + 5s);
  machine->extend_start(worker(0, 1), 1s, now);
  done();
  EXPECT_EQ(timer, now + 5s) << "it takes nothing away";
  pass(4s);
  machine->ready(worker(0, 1), now);
  EXPECT_EQ(done(), actions{});
  EXPECT_FALSE(timer);
}

// ---- the same later

TEST_F(pool_table, a_later_spawn_that_fails_is_a_death)
{
  make_running(for_table());
  end(worker(0, 1));
  EXPECT_EQ(done(), actions{});
  EXPECT_EQ(told(),
            (lines{"worker 1 (slot 0, pid 101): died: signal: 9 (SIGKILL)", "slot 0: backing off for 1000 ms"}));
  pass(1s);
  EXPECT_EQ(done(), (actions{spawn_worker{worker(0, 2), 0}}));
  machine->spawn_failed(worker(0, 2), code_of(EMFILE), now, 0);
  EXPECT_EQ(done(), actions{});
  EXPECT_EQ(told(), (lines{"worker 2 (slot 0): spawn failed: Too many open files", "slot 0: backing off for 2000 ms"}));
  EXPECT_EQ(machine->counts().deaths, 2u);
  pass(2s - 1ns);
  EXPECT_EQ(done(), actions{});
  pass(1ns);
  EXPECT_EQ(done(), (actions{spawn_worker{worker(0, 3), 0}}));
}

TEST_F(pool_table, a_later_worker_that_is_not_ready_in_time_is_a_death)
{
  worker_pool_options options = for_table();
  options.ready = readiness::notify();
  options.ready_within = 10s;
  make_running(options);
  end(worker(0, 1));
  done();
  pass(1s);
  machine->spawned(worker(0, 2), 102, now, 0);
  done();
  pass(10s);
  EXPECT_EQ(done(), (actions{stop_worker{worker(0, 2)}}));
  machine->ready(worker(0, 2), now);
  EXPECT_EQ(done(), actions{}) << "too late";
  end(worker(0, 2), success);
  EXPECT_EQ(done(), actions{});
  EXPECT_EQ(told(), (lines{"worker 2 (slot 0, pid 102): ended: exit code: 0", "slot 0: backing off for 2000 ms"}));
}

TEST_F(pool_table, a_start_that_takes_too_long_is_cancelled)
{
  worker_pool_options options = for_table();
  options.ready_within = 10s;
  make_running(options);
  end(worker(0, 1));
  done();
  pass(1s);
  done();
  pass(10s);
  EXPECT_EQ(done(), (actions{cancel_spawn{worker(0, 2)}}));
  machine->spawn_failed(worker(0, 2), code_of(ECANCELED), now, 0);
  done();
  EXPECT_EQ(told(),
            (lines{"worker 2 (slot 0): spawn failed: Connection timed out", "slot 0: backing off for 2000 ms"}));
}

// ---- a worker dies idle

TEST_F(pool_table, a_worker_that_dies_idle_is_not_leased_and_restarted_after_a_delay)
{
  make_running(for_table());
  end(worker(0, 1));
  machine->acquire(1, now);
  EXPECT_EQ(done(), actions{});
  pass(1s);
  EXPECT_EQ(done(), (actions{spawn_worker{worker(0, 2), 0}}));
  come_up(worker(0, 2));
  EXPECT_EQ(done(), (actions{hand_out{1, worker(0, 2)}}));
}

TEST_F(pool_table, who_was_healthy_begins_a_new_row)
{
  make_running(for_table());
  end(worker(0, 1));
  done();
  EXPECT_EQ(events.back().delay, 1s);
  pass(1s);
  come_up(worker(0, 2));
  pass(10s - 1ns);
  end(worker(0, 2));
  done();
  EXPECT_EQ(events.back().delay, 2s);
  pass(2s);
  come_up(worker(0, 3));
  pass(10s);
  end(worker(0, 3));
  done();
  EXPECT_EQ(events.back().delay, 1s);
}

TEST_F(pool_table, restarts_on_failure_leave_a_success_alone)
{
  worker_pool_options options = for_table(2);
  options.restart = restart_when::on_failure;
  make_running(options);
  end(worker(0, 1), success);
  EXPECT_EQ(done(), actions{});
  EXPECT_FALSE(timer);
  EXPECT_EQ(machine->counts().deaths, 0u);
  end(worker(1, 2), exited(1));
  done();
  pass(1s);
  EXPECT_EQ(done(), (actions{spawn_worker{worker(1, 3), 0}}));
}

TEST_F(pool_table, a_pool_that_starts_none_again_ends_with_its_last_worker)
{
  worker_pool_options options = for_table(2);
  options.restart = restart_when::never;
  make_running(options);
  machine->wait_ready(1, 3);
  end(worker(0, 1), success);
  EXPECT_EQ(done(), actions{});
  end(worker(1, 2), exited(1));
  EXPECT_EQ(done(), (actions{finish_wait{1, code_of(ECANCELED)}, finish_run{{}}}));
}

// ---- dies leased

TEST_F(pool_table, a_worker_that_dies_leased_is_restarted_and_its_lease_forgotten)
{
  make_running(for_table());
  machine->acquire(1, now);
  EXPECT_EQ(done(), (actions{hand_out{1, worker(0, 1)}}));
  end(worker(0, 1));
  EXPECT_EQ(done(), actions{});
  EXPECT_EQ(machine->counts().leased, 0u);
  pass(1s);
  come_up(worker(0, 2));
  done();
  machine->returned(worker(0, 1), lease_end::dropped, 0, now);
  machine->ended(worker(0, 1), killed, now, 0);
  machine->alive(worker(0, 1), now);
  machine->leaves(worker(7, 1));
  EXPECT_EQ(done(), actions{}) << "of a worker that is gone";
  EXPECT_EQ(machine->counts().ready, 1u);
}

// ---- a lease beyond its limit, a watchdog that is silent

TEST_F(pool_table, a_lease_beyond_its_limit_ends_its_worker)
{
  worker_pool_options options = for_table();
  options.lease_limit = 5s;
  make_running(options);
  EXPECT_FALSE(timer) << "nobody has a lease";
  machine->acquire(1, now);
  done();
  EXPECT_EQ(timer, now + 5s);
  pass(5s);
  EXPECT_EQ(done(), (actions{stop_worker{worker(0, 1)}}));
  EXPECT_EQ(told(), (lines{"worker 1 (slot 0, pid 101): stopping: lease_limit"}));
  machine->returned(worker(0, 1), lease_end::done, 0, now);
  EXPECT_EQ(done(), actions{}) << "too late";
  end(worker(0, 1), success);
  done();
  EXPECT_EQ(told().back(), "slot 0: backing off for 1000 ms");
}

TEST_F(pool_table, how_a_worker_ends_that_was_stopped_for_a_fault_excuses_nothing)
{
  worker_pool_options options = for_table();
  options.restart = restart_when::on_failure;
  options.permanent_failures = {78};
  make_running(options);
  machine->alarm(worker(0, 1));
  end(worker(0, 1), success);
  done();
  EXPECT_EQ(told().back(), "slot 0: backing off for 1000 ms");
  pass(1s);
  come_up(worker(0, 2));
  machine->alarm(worker(0, 2));
  end(worker(0, 2), exited(78));
  done();
  EXPECT_EQ(told().back(), "slot 0: backing off for 2000 ms");
}

TEST_F(pool_table, a_lease_within_its_limit_disarms_the_timer)
{
  worker_pool_options options = for_table();
  options.lease_limit = 5s;
  make_running(options);
  machine->acquire(1, now);
  done();
  pass(4s);
  machine->returned(worker(0, 1), lease_end::done, 0, now);
  EXPECT_EQ(done(), actions{});
  EXPECT_FALSE(timer);
}

TEST_F(pool_table, a_watchdog_that_is_silent_ends_the_worker_even_in_a_lease)
{
  worker_pool_options options = for_table();
  options.watchdog = 3s;
  make_running(options);
  machine->acquire(1, now);
  done();
  pass(2s);
  machine->alive(worker(0, 1), now);
  done();
  EXPECT_EQ(timer, now + 3s);
  pass(3s);
  EXPECT_EQ(done(), (actions{stop_worker{worker(0, 1)}}));
  EXPECT_EQ(told(), (lines{"worker 1 (slot 0, pid 101): stopping: watchdog"}));
}

TEST_F(pool_table, a_worker_can_set_off_its_watchdog_itself)
{
  make_running(for_table());
  machine->alarm(worker(0, 1));
  EXPECT_EQ(done(), (actions{stop_worker{worker(0, 1)}}));
  end(worker(0, 1), success);
  done();
  EXPECT_EQ(told().back(), "slot 0: backing off for 1000 ms");
}

// ---- a lease dropped without done(), and the other reasons to recycle

TEST_F(pool_table, a_dropped_lease_recycles_its_worker_without_a_delay)
{
  make_running(for_table());
  machine->acquire(1, now);
  machine->acquire(2, now);
  done();
  machine->returned(worker(0, 1), lease_end::dropped, 0, now);
  EXPECT_EQ(done(), (actions{stop_worker{worker(0, 1)}})) << "2 does not get it";
  EXPECT_EQ(told(), (lines{"worker 1 (slot 0, pid 101): stopping: dropped"}));
  end(worker(0, 1));
  EXPECT_EQ(done(), (actions{spawn_worker{worker(0, 2), 0}}));
  EXPECT_EQ(machine->counts().deaths, 0u);
  come_up(worker(0, 2));
  EXPECT_EQ(done(), (actions{hand_out{2, worker(0, 2)}}));
}

TEST_F(pool_table, a_worker_that_breaks_the_protocol_dies)
{
  make_running(for_table(2));
  machine->misbehaved(worker(0, 1));
  EXPECT_EQ(done(), (actions{stop_worker{worker(0, 1)}}));
  end(worker(0, 1), success);
  done();
  EXPECT_EQ(told().back(), "slot 0: backing off for 1000 ms") << "it could write again as soon as it is started";
  machine->acquire(1, now);
  done();
  machine->returned(worker(1, 2), lease_end::broken, 0, now);
  EXPECT_EQ(done(), (actions{stop_worker{worker(1, 2)}}));
}

TEST_F(pool_table, a_worker_is_recycled_after_its_uses)
{
  worker_pool_options options = for_table();
  options.recycle = {.uses = 2, .jitter = 1};
  make(options);
  machine->start(now);
  machine->spawned(worker(0, 1), 101, now, .75);
  done();
  for (asker_id asker = 1; asker <= 3; ++asker) {
    machine->acquire(asker, now);
    EXPECT_EQ(done(), (actions{hand_out{asker, worker(0, 1)}}));
    machine->returned(worker(0, 1), lease_end::done, 0, now);
  }
  EXPECT_EQ(done(), (actions{stop_worker{worker(0, 1)}}));
  EXPECT_EQ(told(), (lines{"worker 1 (slot 0, pid 101): stopping: uses"}));
}

TEST_F(pool_table, a_worker_of_age_is_recycled_when_its_lease_is_over)
{
  worker_pool_options options = for_table(2);
  options.recycle.age = 20s;
  make_running(options);
  machine->acquire(1, now);
  EXPECT_EQ(done(), (actions{hand_out{1, worker(1, 2)}}));
  pass(20s);
  EXPECT_EQ(done(), (actions{stop_worker{worker(0, 1)}})) << "the idle one at once";
  EXPECT_FALSE(timer);
  machine->returned(worker(1, 2), lease_end::done, 0, now);
  EXPECT_EQ(done(), (actions{stop_worker{worker(1, 2)}}));
  EXPECT_EQ(told(), (lines{"worker 2 (slot 1, pid 102): stopping: age"}));
}

TEST_F(pool_table, a_worker_of_age_that_breaks_the_protocol_dies_all_the_same)
{
  worker_pool_options options = for_table();
  options.recycle.age = 20s;
  make_running(options);
  machine->acquire(1, now);
  pass(20s);
  done();
  machine->returned(worker(0, 1), lease_end::broken, 0, now);
  done();
  EXPECT_EQ(told(), (lines{"worker 1 (slot 0, pid 101): stopping: protocol"}));
}

TEST_F(pool_table, a_worker_that_has_grown_is_recycled)
{
  worker_pool_options options = for_table();
  options.recycle.peak_rss = 1000;
  make_running(options);
  machine->acquire(1, now);
  machine->returned(worker(0, 1), lease_end::done, 1000, now);
  machine->acquire(2, now);
  EXPECT_EQ(done(), (actions{hand_out{1, worker(0, 1)}, hand_out{2, worker(0, 1)}}));
  machine->returned(worker(0, 1), lease_end::done, 1001, now);
  EXPECT_EQ(done(), (actions{stop_worker{worker(0, 1)}}));
}

TEST_F(pool_table, a_worker_that_says_it_leaves_gets_no_lease_and_is_judged_by_its_exit)
{
  worker_pool_options options = for_table();
  options.restart = restart_when::on_failure;
  make_running(options);
  machine->leaves(worker(0, 1));
  machine->acquire(1, now);
  EXPECT_EQ(done(), (actions{stop_worker{worker(0, 1)}}));
  end(worker(0, 1), exited(1));
  done();
  EXPECT_EQ(told().back(), "slot 0: backing off for 1000 ms");
}

TEST_F(pool_table, a_worker_that_reloads_is_told_of)
{
  make_running(for_table());
  machine->reloading(worker(0, 1));
  EXPECT_EQ(done(), actions{});
  EXPECT_EQ(told(), (lines{"worker 1 (slot 0, pid 101): reloading"}));
}

// ---- more than most_deaths in within, or a permanent failure

TEST_F(pool_table, too_many_deaths_stop_all_and_tell_everybody)
{
  worker_pool_options options = for_table(4);
  options.most_deaths = 1;
  options.within = 10s;
  make_running(options);
  machine->acquire(1, now);
  machine->wait_ready(2, 5);
  machine->replace(3, 1, now);
  EXPECT_EQ(done(), (actions{hand_out{1, worker(3, 4)}, spawn_worker{worker(0, 5), 1}}));
  end(worker(1, 2));
  EXPECT_EQ(done(), actions{}) << "one may die";
  end(worker(2, 3));
  const auto error = code_of(ENOTRECOVERABLE);
  EXPECT_EQ(done(), (actions{finish_wait{2, error}, finish_replace{3, error}, stop_worker{worker(0, 1)},
                             cancel_spawn{worker(0, 5)}, stop_worker{worker(3, 4)}}));
  machine->acquire(4, now);
  machine->wait_ready(5, 1);
  machine->replace(6, 2, now);
  EXPECT_EQ(done(), (actions{refuse{4, error}, finish_wait{5, error}, finish_replace{6, error}}));
  end(worker(0, 1));
  machine->spawned(worker(0, 5), 105, now, 0);
  EXPECT_EQ(done(), (actions{stop_worker{worker(0, 5)}})) << "the cancellation came too late";
  end(worker(0, 5));
  end(worker(3, 4));
  EXPECT_EQ(done(), (actions{finish_run{error}}));
}

TEST_F(pool_table, deaths_are_forgotten)
{
  worker_pool_options options = for_table(3);
  options.most_deaths = 1;
  options.within = 10s;
  options.delay.most = options.delay.first = 100s;
  make_running(options);
  end(worker(0, 1));
  pass(10s);
  end(worker(1, 2));
  pass(10s - 1ns);
  EXPECT_EQ(done(), actions{});
  end(worker(2, 3));
  EXPECT_EQ(done(), (actions{finish_run{code_of(ENOTRECOVERABLE)}}));
}

TEST_F(pool_table, a_permanent_failure_stops_all_at_once)
{
  worker_pool_options options = for_table(2);
  options.permanent_failures = {2, 78};
  make_running(options);
  end(worker(0, 1), exited(1));
  EXPECT_EQ(done(), actions{});
  end(worker(1, 2), exited(78));
  EXPECT_EQ(done(), (actions{finish_run{code_of(ENOTRECOVERABLE)}}));
}

TEST_F(pool_table, the_exit_code_of_a_worker_that_was_told_to_end_is_no_permanent_failure)
{
  worker_pool_options options = for_table();
  options.permanent_failures = {78};
  make_running(options);
  machine->acquire(1, now);
  machine->returned(worker(0, 1), lease_end::dropped, 0, now);
  done();
  end(worker(0, 1), exited(78));
  EXPECT_EQ(done(), (actions{spawn_worker{worker(0, 2), 0}}));
}

// ---- async_replace

TEST_F(pool_table, a_replacement_goes_slot_by_slot_a_new_one_first)
{
  make_running(for_table(2));
  machine->replace(9, 1, now);
  EXPECT_EQ(done(), (actions{spawn_worker{worker(0, 3), 1}}));
  come_up(worker(0, 3));
  EXPECT_EQ(done(), (actions{stop_worker{worker(0, 1)}}));
  EXPECT_EQ(told(), (lines{"worker 3 (slot 0, pid 103): starting", "worker 3 (slot 0, pid 103): ready",
                           "worker 1 (slot 0, pid 101): stopping: replaced"}));
  end(worker(0, 1));
  EXPECT_EQ(done(), (actions{spawn_worker{worker(1, 4), 1}}));
  come_up(worker(1, 4));
  EXPECT_EQ(done(), (actions{stop_worker{worker(1, 2)}}));
  end(worker(1, 2));
  EXPECT_EQ(done(), (actions{finish_replace{9, {}}}));
  EXPECT_EQ(told().back(), "pool: replaced");
  end(worker(0, 3));
  done();
  pass(1s);
  EXPECT_EQ(done(), (actions{spawn_worker{worker(0, 5), 1}})) << "by the new command";
}

TEST_F(pool_table, a_replacement_loses_no_request)
{
  make_running(for_table());
  machine->acquire(1, now);
  machine->acquire(2, now);
  machine->replace(9, 1, now);
  done();
  come_up(worker(0, 2));
  EXPECT_EQ(done(), (actions{hand_out{2, worker(0, 2)}})) << "the old one is drained, the new one works";
  EXPECT_EQ(machine->counts().leased, 2u);
  machine->returned(worker(0, 1), lease_end::done, 0, now);
  EXPECT_EQ(done(), (actions{stop_worker{worker(0, 1)}}));
  end(worker(0, 1));
  EXPECT_EQ(done(), (actions{finish_replace{9, {}}}));
}

TEST_F(pool_table, if_the_new_ones_fail_the_old_ones_stay)
{
  make_running(for_table(2));
  machine->replace(9, 1, now);
  done();
  machine->spawn_failed(worker(0, 3), code_of(ENOENT), now, 0);
  EXPECT_EQ(done(), (actions{finish_replace{9, code_of(ENOENT)}}));
  EXPECT_EQ(told(), (lines{"worker 3 (slot 0): spawn failed: No such file or directory",
                           "pool: replace failed: No such file or directory"}));
  EXPECT_EQ(machine->counts().ready, 2u);
  EXPECT_EQ(machine->counts().deaths, 0u);
  end(worker(0, 1));
  done();
  pass(1s);
  EXPECT_EQ(done(), (actions{spawn_worker{worker(0, 4), 0}})) << "by the old command";
}

TEST_F(pool_table, a_new_one_that_is_not_ready_in_time_fails_when_it_is_gone)
{
  worker_pool_options options = for_table();
  options.ready = readiness::notify();
  options.ready_within = 10s;
  make_running(options);
  machine->replace(9, 1, now);
  machine->replace(10, 2, now);
  machine->spawned(worker(0, 2), 102, now, 0);
  done();
  pass(10s);
  EXPECT_EQ(done(), (actions{stop_worker{worker(0, 2)}}));
  end(worker(0, 2));
  EXPECT_EQ(done(), (actions{finish_replace{9, code_of(ETIMEDOUT)}, spawn_worker{worker(0, 3), 2}}))
      << "then the next one";
}

TEST_F(pool_table, what_was_replaced_before_a_failure_is_followed_by_the_old_command)
{
  make_running(for_table(2));
  machine->replace(9, 1, now);
  come_up(worker(0, 3));
  end(worker(0, 1));
  done();
  machine->spawn_failed(worker(1, 4), code_of(ENOMEM), now, 0);
  EXPECT_EQ(done(), (actions{finish_replace{9, code_of(ENOMEM)}}));
  end(worker(0, 3));
  done();
  pass(1s);
  EXPECT_EQ(done(), (actions{spawn_worker{worker(0, 5), 0}}));
}

TEST_F(pool_table, a_replacement_does_not_wait_for_a_delay_and_one_that_fails_lets_it_go_on)
{
  make_running(for_table());
  end(worker(0, 1));
  done();
  const auto due = timer;
  EXPECT_EQ(due, now + 1s);
  machine->replace(9, 1, now);
  EXPECT_EQ(done(), (actions{spawn_worker{worker(0, 2), 1}}));
  EXPECT_FALSE(timer);
  machine->spawn_failed(worker(0, 2), code_of(ENOENT), now, 0);
  EXPECT_EQ(done(), (actions{finish_replace{9, code_of(ENOENT)}}));
  EXPECT_EQ(timer, due);
  machine->replace(10, 2, now);
  done();
  come_up(worker(0, 3));
  EXPECT_EQ(done(), (actions{finish_replace{10, {}}}));
  EXPECT_FALSE(timer);
}

TEST_F(pool_table, an_old_one_that_dies_meanwhile_is_not_restarted_beside_the_new_one)
{
  make_running(for_table());
  machine->replace(9, 1, now);
  done();
  end(worker(0, 1));
  done();
  pass(5s);
  EXPECT_EQ(done(), actions{});
  come_up(worker(0, 2));
  EXPECT_EQ(done(), (actions{finish_replace{9, {}}}));
}

TEST_F(pool_table, a_replacement_that_is_cancelled_keeps_the_old_ones)
{
  make_running(for_table());
  machine->replace(9, 1, now);
  machine->replace(10, 2, now);
  machine->cancel_replace(10, now);
  EXPECT_EQ(done(), (actions{spawn_worker{worker(0, 2), 1}, finish_replace{10, code_of(ECANCELED)}}));
  machine->cancel_replace(9, now);
  EXPECT_EQ(done(), (actions{cancel_spawn{worker(0, 2)}}));
  machine->spawn_failed(worker(0, 2), code_of(ECANCELED), now, 0);
  EXPECT_EQ(done(), (actions{finish_replace{9, code_of(ECANCELED)}}));
  machine->cancel_replace(9, now);
  EXPECT_EQ(done(), actions{});
  EXPECT_EQ(machine->counts().ready, 1u);
}

TEST_F(pool_table, a_replacement_before_the_start_is_the_command)
{
  make(for_table());
  machine->replace(9, 4, now);
  EXPECT_EQ(done(), (actions{finish_replace{9, {}}}));
  machine->start(now);
  EXPECT_EQ(done(), (actions{spawn_worker{worker(0, 1), 4}}));
}

// ---- async_run cancelled

TEST_F(pool_table, cancelled_once_it_waits_for_leases_and_stops_the_idle)
{
  make_running(for_table(2));
  machine->acquire(1, now);
  done();
  machine->cancel(now);
  EXPECT_EQ(done(), (actions{stop_worker{worker(0, 1)}}));
  EXPECT_EQ(told(), (lines{"worker 1 (slot 0, pid 101): stopping: pool_ends"}));
  machine->acquire(2, now);
  EXPECT_EQ(done(), (actions{refuse{2, code_of(ECANCELED)}}));
  end(worker(0, 1), killed);
  EXPECT_EQ(done(), actions{}) << "nothing is started again";
  machine->returned(worker(1, 2), lease_end::done, 0, now);
  EXPECT_EQ(done(), (actions{stop_worker{worker(1, 2)}}));
  end(worker(1, 2));
  EXPECT_EQ(done(), (actions{finish_run{code_of(ECANCELED)}}));
  EXPECT_TRUE(machine->is_finished());
}

TEST_F(pool_table, cancelled_again_it_stops_the_leased_and_a_third_time_it_kills)
{
  make_running(for_table(2));
  machine->acquire(1, now);
  done();
  machine->cancel(now);
  done();
  machine->cancel(now);
  EXPECT_EQ(done(), (actions{stop_worker{worker(1, 2)}}));
  machine->cancel(now);
  EXPECT_EQ(done(), (actions{kill_worker{worker(0, 1)}, kill_worker{worker(1, 2)}}));
  machine->cancel(now);
  EXPECT_EQ(done(), actions{}) << "there is nothing stricter";
  end(worker(0, 1));
  end(worker(1, 2));
  EXPECT_EQ(done(), (actions{finish_run{code_of(ECANCELED)}}));
}

TEST_F(pool_table, killed_while_it_is_started_a_worker_is_killed_when_it_is_there)
{
  make(for_table());
  machine->start(now);
  done();
  machine->cancel(now);
  EXPECT_EQ(done(), (actions{cancel_spawn{worker(0, 1)}}));
  machine->cancel(now);
  machine->cancel(now);
  EXPECT_EQ(done(), actions{});
  machine->spawned(worker(0, 1), 101, now, 0);
  EXPECT_EQ(done(), (actions{kill_worker{worker(0, 1)}}));
}

TEST_F(pool_table, cancelling_a_pool_that_gives_up_keeps_its_error)
{
  worker_pool_options options = for_table(2);
  options.most_deaths = 0;
  make_running(options);
  end(worker(0, 1));
  done();
  machine->cancel(now);
  machine->cancel(now);
  EXPECT_EQ(done(), actions{}) << "the stop sequences have begun";
  machine->cancel(now);
  EXPECT_EQ(done(), (actions{kill_worker{worker(1, 2)}}));
  end(worker(1, 2));
  EXPECT_EQ(done(), (actions{finish_run{code_of(ENOTRECOVERABLE)}}));
}

TEST_F(pool_table, a_worker_that_cannot_be_stopped_holds_nobody_up)
{
  make_running(for_table());
  machine->cancel(now);
  done();
  machine->stop_failed(worker(0, 1), code_of(EPERM), now, 0);
  EXPECT_EQ(done(), (actions{finish_run{code_of(ECANCELED)}}));
  EXPECT_EQ(told(), (lines{"worker 1 (slot 0, pid 101): ended: unknown: Operation not permitted"}));
}

// ---- async_acquire cancelled, most_waiting

TEST_F(pool_table, who_is_cancelled_leaves_the_queue_and_the_order_is_kept)
{
  make_running(for_table());
  for (asker_id asker = 1; asker <= 4; ++asker)
    machine->acquire(asker, now);
  done();
  machine->cancel_acquire(3);
  EXPECT_EQ(done(), (actions{refuse{3, code_of(ECANCELED)}}));
  machine->cancel_acquire(3);
  machine->cancel_acquire(1);
  EXPECT_EQ(done(), actions{}) << "answered already";
  machine->returned(worker(0, 1), lease_end::done, 0, now);
  EXPECT_EQ(done(), (actions{hand_out{2, worker(0, 1)}}));
  machine->returned(worker(0, 1), lease_end::done, 0, now);
  EXPECT_EQ(done(), (actions{hand_out{4, worker(0, 1)}}));
}

TEST_F(pool_table, too_many_that_wait_are_refused_at_once)
{
  worker_pool_options options = for_table();
  options.most_waiting = 1;
  make_running(options);
  machine->acquire(1, now);
  machine->acquire(2, now);
  machine->acquire(3, now);
  EXPECT_EQ(done(), (actions{hand_out{1, worker(0, 1)}, refuse{3, code_of(EAGAIN)}}));
  options.most_waiting = 0;
  make_running(options);
  machine->acquire(1, now);
  machine->acquire(2, now);
  EXPECT_EQ(done(), (actions{hand_out{1, worker(0, 1)}, refuse{2, code_of(EAGAIN)}}));
}

TEST_F(pool_table, who_was_used_last_is_used_first)
{
  make_running(for_table(3));
  for (asker_id asker = 1; asker <= 3; ++asker)
    machine->acquire(asker, now);
  EXPECT_EQ(done(), (actions{hand_out{1, worker(2, 3)}, hand_out{2, worker(1, 2)}, hand_out{3, worker(0, 1)}}));
  machine->returned(worker(1, 2), lease_end::done, 0, now);
  machine->returned(worker(2, 3), lease_end::done, 0, now);
  machine->acquire(4, now);
  EXPECT_EQ(done(), (actions{hand_out{4, worker(2, 3)}}));
}

// ---- async_wait_ready, resize, counts

TEST_F(pool_table, a_wait_ends_when_so_many_are_ready)
{
  make(for_table(2));
  machine->wait_ready(1, 0);
  machine->wait_ready(2, 1);
  machine->wait_ready(3, 2);
  EXPECT_EQ(done(), (actions{finish_wait{1, {}}}));
  machine->start(now);
  done();
  come_up(worker(1, 2));
  EXPECT_EQ(done(), (actions{finish_wait{2, {}}}));
  machine->wait_ready(4, 1);
  EXPECT_EQ(done(), (actions{finish_wait{4, {}}}));
  machine->cancel_wait_ready(3);
  machine->cancel_wait_ready(3);
  EXPECT_EQ(done(), (actions{finish_wait{3, code_of(ECANCELED)}}));
  come_up(worker(0, 1));
  EXPECT_EQ(done(), actions{});
}

TEST_F(pool_table, a_larger_pool_starts_more_and_a_smaller_one_drains_the_highest_slots)
{
  make_running(for_table(1));
  machine->resize(3, now);
  EXPECT_EQ(done(), (actions{spawn_worker{worker(1, 2), 0}, spawn_worker{worker(2, 3), 0}}));
  come_up(worker(1, 2));
  come_up(worker(2, 3));
  machine->acquire(1, now);
  done();
  machine->resize(1, now);
  EXPECT_EQ(done(), (actions{stop_worker{worker(1, 2)}})) << "the other one is leased";
  end(worker(1, 2));
  EXPECT_EQ(done(), actions{});
  machine->returned(worker(2, 3), lease_end::done, 0, now);
  EXPECT_EQ(done(), (actions{stop_worker{worker(2, 3)}}));
  end(worker(2, 3), killed);
  EXPECT_EQ(done(), actions{});
  EXPECT_EQ(machine->slots().size(), 1u);
  EXPECT_EQ(machine->counts().deaths, 0u);
}

TEST_F(pool_table, a_pool_that_is_larger_again_keeps_whom_it_has_not_stopped)
{
  make_running(for_table(2));
  machine->acquire(1, now);
  machine->resize(1, now);
  EXPECT_EQ(done(), (actions{hand_out{1, worker(1, 2)}}));
  machine->resize(2, now);
  machine->returned(worker(1, 2), lease_end::done, 0, now);
  EXPECT_EQ(done(), actions{});
  machine->resize(1, now);
  EXPECT_EQ(done(), (actions{stop_worker{worker(1, 2)}}));
  machine->resize(2, now);
  EXPECT_EQ(done(), actions{}) << "the slot has a worker still";
  end(worker(1, 2));
  EXPECT_EQ(done(), (actions{spawn_worker{worker(1, 3), 0}}));
}

TEST_F(pool_table, who_has_missed_a_replacement_is_not_kept)
{
  make_running(for_table(2));
  machine->acquire(1, now);
  machine->resize(1, now);
  machine->replace(9, 1, now);
  done();
  come_up(worker(0, 3));
  end(worker(0, 1));
  EXPECT_EQ(done(), (actions{stop_worker{worker(0, 1)}, finish_replace{9, {}}}));
  machine->resize(2, now);
  EXPECT_EQ(done(), actions{});
  machine->returned(worker(1, 2), lease_end::done, 0, now);
  EXPECT_EQ(done(), (actions{stop_worker{worker(1, 2)}}));
  end(worker(1, 2));
  EXPECT_EQ(done(), (actions{spawn_worker{worker(1, 4), 1}}));
}

TEST_F(pool_table, a_pool_can_be_empty_for_a_while)
{
  make_running(for_table(1));
  machine->resize(0, now);
  done();
  end(worker(0, 1));
  machine->acquire(1, now);
  EXPECT_EQ(done(), actions{});
  machine->resize(1, now);
  EXPECT_EQ(done(), (actions{spawn_worker{worker(0, 2), 0}}));
  machine->cancel(now);
  done();
  machine->spawn_failed(worker(0, 2), code_of(ECANCELED), now, 0);
  EXPECT_EQ(done(), (actions{finish_run{code_of(ECANCELED)}}));
}

TEST_F(pool_table, an_idle_pool_arms_no_timer)
{
  make_running(for_table(3));
  EXPECT_FALSE(timer);
  machine->acquire(1, now);
  machine->returned(worker(2, 3), lease_end::done, 0, now);
  done();
  EXPECT_FALSE(timer);
}

TEST_F(pool_table, a_timer_that_comes_early_or_for_nothing_does_no_harm)
{
  make_running(for_table());
  machine->timer_expired(now);
  EXPECT_EQ(done(), actions{});
  end(worker(0, 1));
  done();
  const auto due = timer;
  machine->timer_expired(now);
  timer.reset();
  EXPECT_EQ(done(), actions{});
  EXPECT_EQ(timer, due) << "it is armed again";
}

TEST_F(pool_table, counts_tell_who_does_what)
{
  make(for_table(4));
  machine->start(now);
  come_up(worker(0, 1));
  come_up(worker(1, 2));
  come_up(worker(2, 3));
  machine->acquire(1, now);
  machine->leaves(worker(0, 1));
  done();
  EXPECT_EQ(machine->counts(), (pool_counts{.ready = 1, .leased = 1, .starting = 1, .stopping = 1}));
  machine->acquire(2, now);
  machine->acquire(3, now);
  end(worker(0, 1));
  EXPECT_EQ(machine->counts(), (pool_counts{.leased = 2, .starting = 1, .waiting = 1, .deaths = 1}));
}

TEST_F(pool_table, forever_is_a_time_like_others)
{
  worker_pool_options options = for_table();
  options.ready_within = options.lease_limit = options.watchdog = options.recycle.age = std::chrono::nanoseconds::max();
  options.delay.first = options.delay.most = std::chrono::nanoseconds::max();
  make_running(options);
  machine->acquire(1, now);
  done();
  EXPECT_FALSE(timer);
  end(worker(0, 1));
  EXPECT_EQ(done(), actions{});
  EXPECT_FALSE(timer);
  machine->replace(2, 1, now);
  EXPECT_EQ(done(), (actions{spawn_worker{worker(0, 2), 1}}));
}

} // namespace
} // namespace subprocess::tests
