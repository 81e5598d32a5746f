#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "pool_world.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

std::string one_a_line(const std::vector<std::string>& lines)
{
  std::string text;
  for (const std::string& line : lines)
    text += "\n  " + line;
  return text;
}

// All that can happen, breadth first, so that what goes wrong is shown by the
// shortest way to it.
class exploration {
public:
  struct result {
    std::size_t worlds = 0;
    std::size_t finished = 0; // Of them.
    bool was_complete = false;
  };

  // \param most  How many worlds to look at.
  static result of(const worker_pool_options& options, const pool_budget& budget, std::size_t most)
  {
    exploration one;
    one.add(pool_world(options, budget), 0, {});
    result found;
    for (std::size_t next = 0; next < one.steps_.size(); ++next) {
      if (found.worlds == most)
        return found;
      ++found.worlds;
      const pool_world world = std::move(one.worlds_.front());
      one.worlds_.pop_front();
      found.finished += world.is_finished();
      for (const pool_move& move : world.moves()) {
        pool_world changed = world;
        changed.make(move, .25);
        if (!changed.faults().empty()) {
          ADD_FAILURE() << one_a_line(changed.faults()) << "\nby" << one.way_to(next) << "\n  " << to_string(move);
          return found;
        }
        one.add(std::move(changed), next, move);
      }
    }
    found.was_complete = true;
    return found;
  }

private:
  struct step {
    std::size_t from;
    pool_move move;
  };

  void add(pool_world world, std::size_t from, const pool_move& move)
  {
    if (!seen_.insert(std::hash<std::string>()(world.key())).second)
      return;
    worlds_.push_back(std::move(world));
    steps_.push_back({from, move});
  }

  std::string way_to(std::size_t at) const
  {
    std::vector<std::string> moves;
    for (; at != 0; at = steps_[at].from)
      moves.insert(moves.begin(), to_string(steps_[at].move));
    return one_a_line(moves);
  }

  std::deque<pool_world> worlds_; // Those to be looked at.
  std::vector<step> steps_;       // To each that was seen.
  std::unordered_set<std::size_t> seen_;
};

worker_pool_options small(std::size_t size)
{
  worker_pool_options options;
  options.size = size;
  options.most_deaths = 2;
  options.delay = {.first = 1s, .most = 4s, .healthy = 10s, .factor = 2, .jitter = .5};
  options.ready = readiness::notify();
  return options;
}

// Small enough for all of it, whatever the order.
void explore(const worker_pool_options& options, const pool_budget& budget)
{
  constexpr std::size_t too_many = 30'000;
  const exploration::result found = exploration::of(options, budget, too_many);
  EXPECT_TRUE(found.was_complete || testing::Test::HasFailure());
  EXPECT_GT(found.worlds, 100u);
  testing::Test::RecordProperty("worlds", static_cast<int>(found.worlds));
}

// Nothing in it happens by the clock but restarts.
worker_pool_options unhurried(std::size_t size)
{
  worker_pool_options options = small(size);
  options.ready_within = 0s;
  return options;
}

TEST(pool_machine_explored, one_worker_that_dies)
{
  explore(small(1), {.acquires = 3, .waits = 1, .deaths = 3, .largest = 1});
}

TEST(pool_machine_explored, two_workers_that_die)
{
  explore(unhurried(2), {.acquires = 2, .deaths = 1});
}

TEST(pool_machine_explored, replacing_one_worker)
{
  explore(small(1), {.replaces = 1, .deaths = 1});
  explore(unhurried(1), {.acquires = 1, .replaces = 2, .deaths = 1});
}

TEST(pool_machine_explored, replacing_two_workers)
{
  explore(unhurried(2), {.acquires = 1, .replaces = 1, .deaths = 1, .cancels = false});
}

TEST(pool_machine_explored, ending_two_workers_that_are_replaced)
{
  explore(unhurried(2), {.replaces = 1, .deaths = 0});
}

TEST(pool_machine_explored, resizing)
{
  explore(unhurried(1), {.acquires = 1, .resizes = 2, .deaths = 0});
}

TEST(pool_machine_explored, resizing_while_replacing)
{
  explore(unhurried(1), {.acquires = 1, .replaces = 1, .resizes = 2, .deaths = 0, .cancels = false});
}

TEST(pool_machine_explored, limits_of_all_kinds)
{
  worker_pool_options options = small(1);
  options.lease_limit = 3s;
  options.watchdog = 4s;
  options.recycle = {.uses = 2, .jitter = 1, .age = 20s, .peak_rss = 1000};
  explore(options, {.acquires = 2, .troubles = 1, .deaths = 0, .cancels = false, .largest = 1});
}

TEST(pool_machine_explored, leases_beyond_their_limit_and_workers_of_age)
{
  worker_pool_options options = unhurried(2);
  options.lease_limit = 3s;
  options.recycle.age = 5s;
  explore(options, {.acquires = 2, .deaths = 0, .cancels = false});
}

TEST(pool_machine_explored, restarts_on_failure_alone)
{
  worker_pool_options options = unhurried(2);
  options.restart = restart_when::on_failure;
  options.permanent_failures = {78};
  explore(options, {.acquires = 1, .waits = 1, .deaths = 2, .cancels = false});
}

TEST(pool_machine_explored, no_restarts)
{
  worker_pool_options options = unhurried(2);
  options.restart = restart_when::never;
  explore(options, {.acquires = 1, .replaces = 1, .resizes = 1, .deaths = 1, .cancels = false});
}

TEST(pool_machine_explored, workers_that_are_ready_at_once)
{
  worker_pool_options options = unhurried(2);
  options.ready = readiness::exec();
  options.most_waiting = 1;
  options.delay.first = 0s;
  explore(options, {.acquires = 3, .deaths = 2});
}

} // namespace
} // namespace subprocess::tests
