#include <subprocess/detail/made_once.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "support/baseline.hpp"
#include "support/deadline.hpp"
#include "support/isolated.hpp"
#include "support/pipes.hpp"

namespace subprocess::tests {
namespace {

using made_once = baseline;

TEST_F(made_once, is_one_for_all_threads)
{
  static constinit std::atomic<const int*> place = nullptr;
  std::vector<const int*> seen(8);
  std::vector<std::thread> threads;
  for (const int*& one : seen)
    threads.emplace_back([&one] { one = &detail::made_once(place, [] { return std::make_unique<const int>(7); }); });
  for (std::thread& one : threads)
    one.join();
  for (const int* const one : seen)
    EXPECT_EQ(one, place.load());
  EXPECT_EQ(*place.load(), 7);
}

TEST_F(made_once, is_what_came_first)
{
  static constinit std::atomic<const int*> place = nullptr;
  const int& got = detail::made_once(place, [] {
    detail::made_once(place, [] { return std::make_unique<const int>(1); }); // As another thread, meanwhile.
    return std::make_unique<const int>(2);
  });
  EXPECT_EQ(got, 1);
}

TEST_F(made_once, a_fork_in_the_middle_makes_its_own)
{
  static constinit std::atomic<const int*> place = nullptr;
  pipe_ends begun = make_pipe();
  pipe_ends go_on = make_pipe();
  std::thread slow([&] {
    detail::made_once(place, [&] {
      write_all(begun.write_end.get(), "x");
      EXPECT_TRUE(becomes_readable(go_on.read_end.get()));
      return std::make_unique<const int>(1);
    });
  });
  EXPECT_TRUE(becomes_readable(begun.read_end.get()));
  isolated([] { EXPECT_EQ(detail::made_once(place, [] { return std::make_unique<const int>(2); }), 2); });
  write_all(go_on.write_end.get(), "x");
  slow.join();
  EXPECT_EQ(*place.load(), 1);
}

} // namespace
} // namespace subprocess::tests
