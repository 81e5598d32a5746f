#include <asio_integration/detail/operations/pending.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <vector>

#include "recorded_waiter.hpp"

namespace subprocess::tests {
namespace {

using detail::waiter;
using detail::waiter_list;

/// Takes all out, in order.
std::vector<waiter*> taken(waiter_list& list)
{
  std::vector<waiter*> all;
  while (waiter* one = list.pop())
    all.push_back(one);
  return all;
}

TEST(waiter_list, gives_the_waiters_in_the_order_they_came)
{
  recorded_waiter a, b, c;
  waiter_list list;
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.pop(), nullptr);
  list.push(a);
  list.push(b);
  list.push(c);
  EXPECT_FALSE(list.empty());
  EXPECT_EQ(taken(list), (std::vector<waiter*>{&a, &b, &c}));
  EXPECT_TRUE(list.empty());
}

TEST(waiter_list, can_be_filled_again_after_it_was_empty)
{
  recorded_waiter a, b;
  waiter_list list;
  list.push(a);
  EXPECT_EQ(list.pop(), &a);
  list.push(b);
  list.push(a);
  EXPECT_EQ(taken(list), (std::vector<waiter*>{&b, &a}));
}

TEST(waiter_list, names_every_waiter_differently)
{
  recorded_waiter a, b;
  EXPECT_NE(a.id, b.id);
}

TEST(waiter_list, removes_the_first_a_middle_and_the_last_one)
{
  for (std::size_t gone = 0; gone < 3; ++gone) {
    recorded_waiter all[3];
    recorded_waiter added_later;
    waiter_list list;
    for (recorded_waiter& one : all)
      list.push(one);
    EXPECT_EQ(list.remove(all[gone].id), &all[gone]);
    EXPECT_EQ(list.remove(all[gone].id), nullptr);
    list.push(added_later); // The end is still the end.

    std::vector<waiter*> expected;
    for (std::size_t i = 0; i < 3; ++i)
      if (i != gone)
        expected.push_back(&all[i]);
    expected.push_back(&added_later);
    EXPECT_EQ(taken(list), expected) << "without number " << gone;
  }
}

TEST(waiter_list, removes_the_only_one)
{
  recorded_waiter only, next;
  waiter_list list;
  list.push(only);
  EXPECT_EQ(list.remove(only.id), &only);
  EXPECT_TRUE(list.empty());
  list.push(next);
  EXPECT_EQ(taken(list), (std::vector<waiter*>{&next}));
}

TEST(waiter_list, removes_nothing_that_is_not_there)
{
  recorded_waiter here, elsewhere;
  waiter_list list;
  EXPECT_EQ(list.remove(here.id), nullptr);
  list.push(here);
  EXPECT_EQ(list.remove(elsewhere.id), nullptr);
  EXPECT_EQ(list.pop(), &here);
}

TEST(waiter_list, completes_all_once)
{
  recorded_waiter a, b;
  {
    waiter_list list;
    list.push(a);
    list.push(b);
    list.complete_all(std::make_error_code(std::errc::no_child_process), exit_status(0x100));
    EXPECT_TRUE(list.empty());
  }
  for (const recorded_waiter* one : {&a, &b}) {
    EXPECT_EQ(one->completed, 1);
    EXPECT_EQ(one->abandoned, 0);
    EXPECT_EQ(one->ec, std::errc::no_child_process);
    EXPECT_EQ(one->status.code(), 1);
  }
}

TEST(waiter_list, abandons_what_it_still_has)
{
  recorded_waiter kept, taken_out;
  {
    waiter_list list;
    list.push(kept);
    list.push(taken_out);
    list.remove(taken_out.id);
  }
  EXPECT_EQ(kept.abandoned, 1);
  EXPECT_EQ(kept.completed, 0);
  EXPECT_EQ(taken_out.abandoned, 0);
}

TEST(waiter_list, hands_over_its_waiters_when_moved)
{
  recorded_waiter a, b;
  waiter_list first;
  first.push(a);
  waiter_list second = std::move(first);
  EXPECT_TRUE(first.empty());
  first = std::move(second);
  EXPECT_TRUE(second.empty());
  first.push(b);
  EXPECT_EQ(taken(first), (std::vector<waiter*>{&a, &b}));
  EXPECT_EQ(a.abandoned + b.abandoned, 0);
}

} // namespace
} // namespace subprocess::tests
