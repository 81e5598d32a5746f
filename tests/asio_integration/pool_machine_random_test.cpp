#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include "pool_world.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;
using move_kind = pool_move::kind;

constexpr unsigned endless = 1'000'000'000;

// One life of a pool, by chance: always the same for one seed.
class random_life {
public:
  explicit random_life(unsigned seed) : dice_(seed), world_(options(), budget()) {}

  void run(int moves)
  {
    for (int made = 0; made < moves && !world_.is_finished() && world_.faults().empty(); ++made)
      make_one();
    // It ends when it is asked to, and its workers do as they are told.
    for (int made = 0; made < 10'000 && !world_.is_finished() && world_.faults().empty(); ++made) {
      const auto all = world_.moves();
      const auto cancel = std::ranges::find(all, move_kind::cancel, &pool_move::what);
      if (cancel != all.end() && chance() < .1)
        make(*cancel);
      else
        make_one();
    }
    EXPECT_TRUE(world_.is_finished() || !world_.faults().empty());
    for (const std::string& fault : world_.faults())
      ADD_FAILURE() << fault << '\n' << last_moves();
  }

  std::size_t moves() const { return moves_; }

private:
  double chance() { return std::uniform_real_distribution<double>(0, 1)(dice_); }
  template <class Number>
  Number from(Number least, Number most)
  {
    return std::uniform_int_distribution<Number>(least, most)(dice_);
  }

  worker_pool_options options()
  {
    worker_pool_options all;
    all.size = from<std::size_t>(1, 5);
    all.restart =
        chance() < .8 ? restart_when::always : (chance() < .8 ? restart_when::on_failure : restart_when::never);
    all.delay = {.first = 100ms, .most = 5s, .healthy = 3s, .factor = from(1, 3) * 1., .jitter = chance()};
    all.most_deaths = from(2u, 40u);
    all.within = 10s;
    all.ready = chance() < .3 ? readiness::exec() : readiness::notify();
    all.ready_within = chance() < .2 ? 0s : 2s;
    all.lease_limit = chance() < .5 ? 0s : 3s;
    all.watchdog = chance() < .5 ? 0s : 4s;
    if (chance() < .5)
      all.recycle = {.uses = from<std::size_t>(0, 5), .jitter = from<std::size_t>(0, 5), .age = 7s, .peak_rss = 1000};
    if (chance() < .2)
      all.permanent_failures = {78};
    if (chance() < .5)
      all.most_waiting = from<std::size_t>(0, 4);
    return all;
  }

  pool_budget budget()
  {
    return {.acquires = endless,
            .waits = endless,
            .replaces = endless,
            .resizes = endless,
            .troubles = endless,
            .deaths = endless,
            .cancels = true,
            .largest = 6};
  }

  // What a pool sees most is leases; its end would come too soon.
  double weight(move_kind what) const
  {
    switch (what) {
    case move_kind::cancel: return 0;
    case move_kind::fails_for_good: return .01;
    case move_kind::spawned:
    case move_kind::ready:
    case move_kind::returned: return 5;
    case move_kind::acquire: return 8;
    case move_kind::resize:
    case move_kind::replace: return .3;
    case move_kind::dies:
    case move_kind::finishes:
    case move_kind::spawn_failed:
    case move_kind::misbehaves:
    case move_kind::alarm: return .3;
    default: return 1;
    }
  }

  void make_one()
  {
    auto all = world_.moves();
    if (chance() < .3)
      return make({chance() < .8 ? move_kind::time : move_kind::lateness, from<std::uint64_t>(0, 400'000'000)});
    std::vector<double> weights;
    for (const pool_move& move : all)
      weights.push_back(weight(move.what));
    if (all.empty() || std::ranges::count(weights, 0.) == static_cast<std::ptrdiff_t>(all.size()))
      return make({move_kind::time, 1});
    make(all[std::discrete_distribution<std::size_t>(weights.begin(), weights.end())(dice_)]);
  }

  std::string last_moves() const
  {
    std::string text = "by";
    for (const pool_move& move : last_)
      text += "\n  " + to_string(move);
    return text;
  }

  void make(const pool_move& move)
  {
    ++moves_;
    last_.push_back(move);
    if (last_.size() > 60)
      last_.pop_front();
    world_.make(move, chance());
  }

  std::mt19937 dice_;
  pool_world world_;
  std::deque<pool_move> last_;
  std::size_t moves_ = 0;
};

class pool_machine_random : public testing::TestWithParam<unsigned> {};

TEST_P(pool_machine_random, does_what_it_has_to)
{
  std::size_t moves = 0;
  for (unsigned life = 0; life < 20 && !HasFailure(); ++life) {
    SCOPED_TRACE(life);
    random_life one(GetParam() * 1000 + life);
    one.run(1000);
    moves += one.moves();
  }
  EXPECT_GT(moves, 2'000u) << "they end too early to tell anything";
}

INSTANTIATE_TEST_SUITE_P(seeds, pool_machine_random, testing::Range(0u, 10u));

} // namespace
} // namespace subprocess::tests
