#include <asio_integration/detail/reaper/reap_table.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

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

/// \return What was in its place.
reap_table::place put(reap_table& table, const std::shared_ptr<process>& child, bool watched = true)
{
  reap_table::place earlier = table.add(reap_table::make_place(), child);
  table.find(child->id())->watched = watched;
  return earlier;
}

std::vector<pid_t> all_of(reap_table& table)
{
  std::vector<pid_t> pids;
  for (auto* entry = table.after(0); entry; entry = table.after(entry->child->id()))
    pids.push_back(entry->child->id());
  return pids;
}

TEST(reap_table, finds_what_was_added_by_number_and_by_object)
{
  reap_table table;
  const auto first = numbered(11);
  const auto second = numbered(12);
  EXPECT_FALSE(put(table, first));
  EXPECT_FALSE(put(table, second, false));

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
  put(table, here);
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
  put(table, robbed);
  table.find(11)->waiters.push(of_robbed);

  reap_table::place given_back = put(table, next, false);
  ASSERT_TRUE(given_back);
  EXPECT_EQ(given_back.mapped().child, robbed);
  EXPECT_EQ(given_back.mapped().waiters.pop(), &of_robbed);
  EXPECT_TRUE(given_back.mapped().waiters.empty());
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
  put(table, child);
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
  put(table, ended);
  put(table, runs);
  table.find(*ended)->waiters.push(one);
  table.find(*ended)->waiters.push(two);

  reap_table::place given_back = table.finish(*table.find(*ended));
  detail::waiter_list& waiters = given_back.mapped().waiters;
  EXPECT_EQ(waiters.pop(), &one);
  EXPECT_EQ(waiters.pop(), &two);
  EXPECT_TRUE(waiters.empty());
  EXPECT_EQ(table.find(11), nullptr);
  EXPECT_EQ(table.remove_waiter(*ended, one.id), nullptr);
  EXPECT_EQ(all_of(table), std::vector<pid_t>{12});
}

TEST(reap_table, survives_that_it_holds_the_last_reference)
{
  reap_table table;
  put(table, numbered(11));
  std::weak_ptr<process> child = table.find(11)->child;
  EXPECT_TRUE(table.finish(*table.find(11)).mapped().waiters.empty());
  EXPECT_TRUE(child.expired());
  EXPECT_EQ(table.size(), 0u);
}

TEST(reap_table, is_gone_through_in_order_while_children_come_and_go)
{
  reap_table table;
  EXPECT_EQ(table.after(0), nullptr);
  for (const pid_t pid : {14, 11, 13, 12})
    put(table, numbered(pid));
  EXPECT_EQ(all_of(table), (std::vector<pid_t>{11, 12, 13, 14}));

  table.finish(*table.find(12));
  ASSERT_TRUE(table.after(11));
  EXPECT_EQ(table.after(11)->child->id(), 13);
  put(table, numbered(12));
  EXPECT_EQ(table.after(11)->child->id(), 12);
  EXPECT_EQ(table.after(14), nullptr);
}

TEST(reap_table, holds_for_one_who_waits_or_for_a_death)
{
  recorded_waiter waits; // Outlives the list it is in.
  reap_table::entry entry;
  EXPECT_FALSE(entry.is_awaited());
  entry.held = true;
  EXPECT_TRUE(entry.is_awaited());
  entry.held = false;
  entry.waiters.push(waits);
  EXPECT_TRUE(entry.is_awaited());
}

TEST(reap_table, needs_looking_only_for_someone_who_waits_for_an_unwatched_child)
{
  recorded_waiter waits;
  reap_table table;
  EXPECT_FALSE(table.needs_looking());

  put(table, numbered(11));
  table.find(11)->waiters.push(waits);
  EXPECT_FALSE(table.needs_looking()) << "the source will tell";
  table.find(11)->waiters.pop();

  put(table, numbered(12), false);
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
    put(table, numbered(11));
    table.find(11)->waiters.push(one);
  }
  EXPECT_EQ(one.abandoned, 1);
  EXPECT_EQ(one.completed, 0);
}

} // namespace
} // namespace subprocess::tests
