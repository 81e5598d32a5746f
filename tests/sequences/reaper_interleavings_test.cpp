// Every order in which a few threads and the event loop can take the reaper's lock.

#include <gtest/gtest.h>

#include <iostream>

#include "explorer.hpp"
#include "reaper_world.hpp"

namespace subprocess::tests {
namespace {

using thread = std::vector<deed>;

void explore(reaper_scenario given)
{
  explored sum;
  for (const bool watches : {true, false}) {
    given.watches = watches;
    const explored found = explore_all<reaper_world>(given);
    sum.orders += found.orders;
    sum.states += found.states;
  }
  if (testing::Test::HasFailure())
    return;
  EXPECT_GT(sum.orders, 10u);
  std::cout << sum.orders << " orders, " << sum.states << " states\n";
  testing::Test::RecordProperty("orders", static_cast<int>(sum.orders));
}

const thread starts = {{act::born}, {act::tracked}};

thread starts_and(std::initializer_list<deed> then)
{
  thread all = starts;
  all.insert(all.end(), then);
  return all;
}

TEST(reaper_interleavings, a_launch_a_wait_a_kill_and_an_exit)
{
  explore({{starts_and({{act::wait, 0, 0}}), {{act::wait, 0, 1}}, {{act::ends}}, {{act::kill}, {act::kill}}}});
}

TEST(reaper_interleavings, those_who_wait_and_do_so_no_more)
{
  explore({{starts_and({{act::wait, 0, 0}, {act::cancel, 0, 0}}),
            {{act::wait, 0, 1}, {act::cancel, 0, 1}},
            {{act::wait, 0, 2}},
            {{act::ends}}}});
}

TEST(reaper_interleavings, a_drop_while_others_wait)
{
  explore({{starts_and({{act::wait, 0, 0}, {act::drop}}),
            {{act::wait, 0, 1}, {act::cancel, 0, 1}},
            {{act::ends}},
            {{act::look}}}});
}

TEST(reaper_interleavings, one_who_waits_again_when_told)
{
  explore(
      {{starts_and({{act::wait_on, 0, 0}}), {{act::wait, 0, 2}, {act::cancel, 0, 2}}, {{act::ends}}, {{act::kill}}}});
}

TEST(reaper_interleavings, a_child_that_others_reap)
{
  explore({{starts_and({{act::wait, 0, 0}}),
            {{act::ends}, {act::stolen}},
            {{act::kill}},
            {{act::wait, 0, 1}, {act::look}}}});
  explore({{starts_and({{act::wait, 0, 0}, {act::drop}}),
            {{act::ends}, {act::stolen}},
            {{act::wait, 0, 1}, {act::cancel, 0, 1}}}});
}

TEST(reaper_interleavings, one_who_looks_without_a_loop)
{
  explore(
      {{starts_and({{act::wait, 0, 0}}), {{act::ends}}, {{act::look}, {act::kill}, {act::look}}, {{act::wait, 0, 1}}}});
}

TEST(reaper_interleavings, a_pidfd_that_is_polled)
{
  explore(
      {{starts_and({{act::wait, 0, 0}, {act::drop}}), {{act::poll}, {act::poll_end}}, {{act::ends}}, {{act::look}}}});
  explore(
      {{starts_and({{act::wait, 0, 0}}), {{act::poll}, {act::kill}, {act::poll_end}}, {{act::ends}, {act::stolen}}}});
}

TEST(reaper_interleavings, a_number_that_the_next_child_has)
{
  reaper_scenario given{{starts_and({{act::ends}}),
                         {{act::wait, 0, 0}, {act::born, 1}, {act::tracked, 1}, {act::wait, 1, 1}, {act::ends, 1}},
                         {{act::kill, 0}}}};
  given.numbers = {11, 11};
  explore(given);
  given.has_pidfds = false;
  explore(given);
}

TEST(reaper_interleavings, two_children_at_once)
{
  explore({{starts_and({{act::wait, 0, 0}, {act::ends, 0}}),
            {{act::born, 1}, {act::tracked, 1}, {act::wait, 1, 1}, {act::kill, 1}}}});
}

TEST(reaper_interleavings, an_end_of_the_loop)
{
  explore(
      {{starts_and({{act::wait, 0, 0}, {act::end_loop}}), {{act::ends}}, {{act::wait, 0, 1}, {act::cancel, 0, 1}}}});
  explore({{starts_and({{act::wait, 0, 0}, {act::end_loop}}),
            {{act::drop}},
            {{act::poll}, {act::poll_end}},
            {{act::look}}}});
}

TEST(reaper_interleavings, a_child_that_nobody_waits_for)
{
  explore({{starts, {{act::ends}}, {{act::kill}}}});
  explore({{starts, {{act::ends}}, {{act::kill}, {act::poll}, {act::poll_end}}, {{act::look}}}});
  explore(
      {{starts_and({{act::drop}}), {{act::ends}}, {{act::kill}}, {{act::born, 1}, {act::tracked, 1}, {act::ends, 1}}}});
}

TEST(reaper_interleavings, without_pidfds_from_the_launch)
{
  reaper_scenario given{{starts_and({{act::wait, 0, 0}}),
                         {{act::ends}},
                         {{act::kill}, {act::look}},
                         {{act::wait, 0, 1}, {act::cancel, 0, 1}}}};
  given.has_pidfds = false;
  explore(given);
}

} // namespace
} // namespace subprocess::tests
