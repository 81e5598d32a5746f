#include <asio_integration/detail/pool/restart_policy.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;
using detail::delay_after;
using detail::later;
using detail::pool_time;
using detail::recent_deaths;
using detail::uses_allowed;
using std::chrono::nanoseconds;

const backoff doubling{.first = 100ms, .most = 1s, .factor = 2, .jitter = 0};

TEST(restart_policy, waits_longer_after_each_death_up_to_the_most)
{
  EXPECT_EQ(delay_after(doubling, 1, 0), 100ms);
  EXPECT_EQ(delay_after(doubling, 2, 0), 200ms);
  EXPECT_EQ(delay_after(doubling, 3, 0), 400ms);
  EXPECT_EQ(delay_after(doubling, 4, 0), 800ms);
  EXPECT_EQ(delay_after(doubling, 5, 0), 1s);
  EXPECT_EQ(delay_after(doubling, 6, 0), 1s);
}

TEST(restart_policy, stays_at_the_most_however_many_die)
{
  EXPECT_EQ(delay_after(doubling, 100000, 0), 1s);
  EXPECT_EQ(delay_after(doubling, std::numeric_limits<unsigned>::max(), 0), 1s);
}

TEST(restart_policy, takes_off_a_part_by_chance_and_adds_nothing)
{
  backoff how = doubling;
  how.jitter = .25;
  EXPECT_EQ(delay_after(how, 1, 0), 100ms);
  EXPECT_EQ(delay_after(how, 1, .5), 87500us);
  EXPECT_EQ(delay_after(how, 6, 0), 1s);
  EXPECT_EQ(delay_after(how, 6, .5), 875ms);
  EXPECT_GT(delay_after(how, 6, std::nextafter(1., 0.)), 749999us);
}

TEST(restart_policy, makes_sense_of_senseless_numbers)
{
  EXPECT_EQ(delay_after({.first = 0ns, .jitter = 0}, 100000, 0), 0ns);
  EXPECT_EQ(delay_after({.first = -5s, .jitter = 0}, 3, 0), 0ns);
  EXPECT_EQ(delay_after({.first = 1s, .most = -1s, .jitter = 0}, 3, 0), 0ns);
  EXPECT_EQ(delay_after({.first = 5s, .most = 1s, .jitter = 0}, 1, 0), 1s);
  EXPECT_EQ(delay_after({.first = 1s, .factor = .5, .jitter = 0}, 9, 0), 1s);
  EXPECT_EQ(delay_after({.first = 1s, .factor = -2, .jitter = 0}, 9, 0), 1s);
  EXPECT_EQ(delay_after({.first = 1s, .factor = std::nan(""), .jitter = std::nan("")}, 9, .5), 1s);
  EXPECT_EQ(delay_after({.first = 1s, .jitter = -1}, 1, .5), 1s);
  EXPECT_EQ(delay_after({.first = 1s, .jitter = 7}, 1, .5), 500ms);
  EXPECT_EQ(delay_after({.first = nanoseconds::max(), .most = nanoseconds::max(), .jitter = 0}, 9, 0),
            nanoseconds::max());
}

TEST(restart_policy, adds_no_time_beyond_the_end_of_time)
{
  const pool_time now(1h);
  EXPECT_EQ(later(now, 1s), now + 1s);
  EXPECT_EQ(later(now, -1s), now);
  EXPECT_EQ(later(now, nanoseconds::max()), detail::never);
  EXPECT_EQ(later(pool_time(-1h), nanoseconds::max()), pool_time(-1h) + nanoseconds::max());
  EXPECT_EQ(later(pool_time::min(), 1s), pool_time::min() + 1s);
}

TEST(restart_policy, spreads_the_uses_over_the_whole_jitter)
{
  std::set<std::size_t> seen;
  for (int part = 0; part < 100; ++part)
    seen.insert(uses_allowed({.uses = 10, .jitter = 3}, part / 100.));
  EXPECT_EQ(seen, (std::set<std::size_t>{10, 11, 12, 13}));
  EXPECT_EQ(uses_allowed({.uses = 10, .jitter = 3}, std::nextafter(1., 0.)), 13u);
  EXPECT_EQ(uses_allowed({.uses = 10}, .99), 10u);
  EXPECT_EQ(uses_allowed({.uses = 0, .jitter = 3}, .99), 0u) << "not for that reason";
  EXPECT_EQ(uses_allowed({.uses = SIZE_MAX, .jitter = SIZE_MAX}, .5), SIZE_MAX);
}

TEST(restart_policy, forgets_a_death_when_it_is_as_old_as_that)
{
  const pool_time begin(1h);
  recent_deaths deaths;
  EXPECT_EQ(deaths.add(begin, 10s), 1u);
  EXPECT_EQ(deaths.add(begin, 10s), 2u);
  EXPECT_EQ(deaths.add(begin + 1s, 10s), 3u);
  EXPECT_EQ(deaths.add(begin + 10s - 1ns, 10s), 4u);
  EXPECT_EQ(deaths.add(begin + 10s, 10s), 3u);
  EXPECT_EQ(deaths.add(begin + 60s, 10s), 1u);
  EXPECT_EQ(deaths.add(begin + 60s, 0s), 1u) << "the last one always counts";
}

} // namespace
} // namespace subprocess::tests
