#include <asio_integration/detail/operations/permit_queue.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <cstddef>
#include <deque>
#include <random>
#include <vector>

namespace subprocess::tests {
namespace {

using detail::permit_queue;
using detail::permit_waiter;

class asker final : public permit_waiter {
public:
  void complete(std::error_code, spawn_permit) noexcept override {}
  void abandon() noexcept override { is_abandoned = true; }

  bool is_abandoned = false;
};

TEST(permit_queue, lets_so_many_out_and_has_the_others_wait)
{
  asker all[3];
  permit_queue queue(2);
  EXPECT_TRUE(queue.take(all[0]));
  EXPECT_TRUE(queue.take(all[1]));
  EXPECT_FALSE(queue.take(all[2]));
  EXPECT_EQ(queue.in_flight(), 2u);
  EXPECT_EQ(queue.give_back(), &all[2]);
  EXPECT_EQ(queue.in_flight(), 2u) << "it was handed on";
  EXPECT_EQ(queue.give_back(), nullptr);
  EXPECT_EQ(queue.give_back(), nullptr);
  EXPECT_EQ(queue.in_flight(), 0u);
}

TEST(permit_queue, of_none_has_all_wait)
{
  asker one;
  permit_queue queue(0);
  EXPECT_FALSE(queue.take(one));
  EXPECT_EQ(queue.in_flight(), 0u);
  EXPECT_EQ(queue.leave(one.id), &one);
}

TEST(permit_queue, who_leaves_lets_those_behind_move_up)
{
  asker holds, first, second;
  permit_queue queue(1);
  EXPECT_TRUE(queue.take(holds));
  EXPECT_FALSE(queue.take(first));
  EXPECT_FALSE(queue.take(second));
  EXPECT_EQ(queue.leave(first.id), &first);
  EXPECT_EQ(queue.leave(first.id), nullptr);
  EXPECT_EQ(queue.leave(holds.id), nullptr) << "it waits no more";
  EXPECT_EQ(queue.give_back(), &second);
}

TEST(permit_queue, that_goes_drops_who_waits)
{
  asker holds, waits, left;
  {
    permit_queue queue(1);
    EXPECT_TRUE(queue.take(holds));
    EXPECT_FALSE(queue.take(left));
    { // Dropped with the list.
      const auto all = queue.leave_all();
    }
    EXPECT_FALSE(queue.take(waits));
  }
  EXPECT_TRUE(left.is_abandoned);
  EXPECT_TRUE(waits.is_abandoned);
  EXPECT_FALSE(holds.is_abandoned);
}

// Against an account that is slow and obvious.
TEST(permit_queue, keeps_the_order_whatever_happens)
{
  std::mt19937 dice(1);
  const auto roll = [&](std::size_t sides) { return static_cast<std::size_t>(dice() % sides); };
  for (std::size_t most = 0; most < 4; ++most) {
    std::deque<asker> askers;
    std::deque<permit_waiter*> waiting;
    std::size_t out = 0;
    permit_queue queue(most);
    for (int i = 0; i < 2000; ++i) {
      const std::size_t what = roll(4);
      if (what < 2) {
        asker& one = askers.emplace_back();
        ASSERT_EQ(queue.take(one), out < most);
        out < most ? static_cast<void>(++out) : waiting.push_back(&one);
      } else if (what == 2 && out > 0) {
        permit_waiter* const next = waiting.empty() ? nullptr : waiting.front();
        ASSERT_EQ(queue.give_back(), next);
        next ? waiting.pop_front() : static_cast<void>(--out);
      } else if (what == 3 && !waiting.empty()) {
        const auto leaves = waiting.begin() + static_cast<std::ptrdiff_t>(roll(waiting.size()));
        ASSERT_EQ(queue.leave((*leaves)->id), *leaves);
        waiting.erase(leaves);
      }
      ASSERT_EQ(queue.in_flight(), out);
    }
  }
}

} // namespace
} // namespace subprocess::tests
