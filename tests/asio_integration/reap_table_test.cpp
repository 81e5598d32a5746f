#include <asio_integration/detail/reaper/reap_table.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "recorded_waiter.hpp"

namespace subprocess::tests {
namespace {

using detail::process;
using detail::reap_table;

// Numbers only: nothing here starts, looks at or signals a process.
std::shared_ptr<process> numbered(pid_t pid)
{
  return std::make_shared<process>(pid, unique_fd());
}

std::vector<pid_t> sorted(std::vector<pid_t> pids)
{
  std::ranges::sort(pids);
  return pids;
}

TEST(reap_table, finds_what_was_added_by_number_and_by_object)
{
  reap_table table;
  const auto first = numbered(11);
  const auto second = numbered(12);
  EXPECT_TRUE(table.add(first, true).empty());
  EXPECT_TRUE(table.add(second, false).empty());

  EXPECT_EQ(table.size(), 2u);
  ASSERT_TRUE(table.find(11));
  EXPECT_EQ(table.find(11)->child, first);
  EXPECT_EQ(table.find(*second), table.find(12));
  EXPECT_EQ(table.find(13), nullptr);
}

TEST(reap_table, does_not_take_another_child_of_that_number_for_the_same)
{
  reap_table table;
  const auto here = numbered(11);
  const auto namesake = numbered(11);
  table.add(here, true);
  EXPECT_EQ(table.find(*namesake), nullptr);
  recorded_waiter one;
  table.find(11)->waiters.push(one);
  EXPECT_EQ(table.remove_waiter(*namesake, one.id), nullptr);
  EXPECT_EQ(table.remove_waiter(*here, one.id), &one);
}

TEST(reap_table, gives_back_the_waiters_of_a_child_whose_number_was_given_away)
{
  reap_table table;
  const auto robbed = numbered(11);
  const auto next = numbered(11);
  recorded_waiter of_robbed, of_next;
  table.add(robbed, true);
  table.find(11)->waiters.push(of_robbed);

  detail::waiter_list given_back = table.add(next, false);
  EXPECT_EQ(given_back.pop(), &of_robbed);
  EXPECT_TRUE(given_back.empty());
  EXPECT_EQ(table.size(), 1u);
  EXPECT_EQ(table.find(*robbed), nullptr);
  ASSERT_TRUE(table.find(*next));
  EXPECT_FALSE(table.find(*next)->watched);

  table.find(*next)->waiters.push(of_next);
  EXPECT_EQ(table.remove_waiter(*robbed, of_next.id), nullptr);
  EXPECT_EQ(table.remove_waiter(*next, of_next.id), &of_next);
}

TEST(reap_table, removes_a_waiter_once)
{
  reap_table table;
  const auto child = numbered(11);
  recorded_waiter stays, goes;
  table.add(child, true);
  table.find(*child)->waiters.push(stays);
  table.find(*child)->waiters.push(goes);
  EXPECT_EQ(table.remove_waiter(*child, goes.id), &goes);
  EXPECT_EQ(table.remove_waiter(*child, goes.id), nullptr);
  EXPECT_EQ(table.find(*child)->waiters.pop(), &stays);
}

TEST(reap_table, forgets_what_has_ended_and_gives_back_its_waiters)
{
  reap_table table;
  const auto ended = numbered(11);
  const auto runs = numbered(12);
  recorded_waiter one, two;
  table.add(ended, true);
  table.add(runs, true);
  table.find(*ended)->waiters.push(one);
  table.find(*ended)->waiters.push(two);

  detail::waiter_list waiters = table.finish(*table.find(*ended));
  EXPECT_EQ(waiters.pop(), &one);
  EXPECT_EQ(waiters.pop(), &two);
  EXPECT_TRUE(waiters.empty());
  EXPECT_EQ(table.find(11), nullptr);
  EXPECT_EQ(table.remove_waiter(*ended, one.id), nullptr);
  EXPECT_EQ(table.all(), std::vector<pid_t>{12});
}

TEST(reap_table, survives_that_it_holds_the_last_reference)
{
  reap_table table;
  table.add(numbered(11), true);
  std::weak_ptr<process> child = table.find(11)->child;
  EXPECT_TRUE(table.finish(*table.find(11)).empty());
  EXPECT_TRUE(child.expired());
  EXPECT_EQ(table.size(), 0u);
}

TEST(reap_table, tells_the_watched_from_those_to_be_looked_at)
{
  reap_table table;
  EXPECT_TRUE(table.all().empty());
  for (pid_t pid = 11; pid < 15; ++pid)
    table.add(numbered(pid), pid % 2 == 0);
  EXPECT_EQ(sorted(table.all()), (std::vector<pid_t>{11, 12, 13, 14}));
  EXPECT_EQ(sorted(table.unwatched()), (std::vector<pid_t>{11, 13}));
}

TEST(reap_table, needs_looking_only_for_someone_who_waits_for_an_unwatched_child)
{
  reap_table table;
  recorded_waiter waits;
  EXPECT_FALSE(table.needs_looking());

  table.add(numbered(11), true);
  table.find(11)->waiters.push(waits);
  EXPECT_FALSE(table.needs_looking()) << "the source will tell";
  table.find(11)->waiters.pop();

  table.add(numbered(12), false);
  EXPECT_FALSE(table.needs_looking()) << "nobody waits";
  table.find(12)->waiters.push(waits);
  EXPECT_TRUE(table.needs_looking());
  table.find(12)->waiters.remove(waits.id);
  EXPECT_FALSE(table.needs_looking());
}

TEST(reap_table, abandons_its_waiters_when_it_goes)
{
  recorded_waiter one;
  {
    reap_table table;
    table.add(numbered(11), true);
    table.find(11)->waiters.push(one);
  }
  EXPECT_EQ(one.abandoned, 1);
  EXPECT_EQ(one.completed, 0);
}

} // namespace
} // namespace subprocess::tests
