#include <asio_integration/detail/kqueue/exit_watch.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <vector>

namespace subprocess::tests {
namespace {

using namespace detail;
using std::chrono::milliseconds;

// A kernel with children and a kqueue, and the reaper, who reaps what can be reaped and
// looks now and then at what it was told of too early.
class fake_kernel final : public kqueue_calls, public reaping {
public:
  enum class child { running, exiting, zombie };

  std::map<pid_t, child> children;
  std::set<pid_t> added;
  std::deque<pid_t> told;
  std::vector<milliseconds> timers; // Every one that was started.
  bool timer_runs = false;
  std::vector<pid_t> reaped;
  std::set<pid_t> looked_at_now_and_then;
  int looks_at_unwatched = 0;
  int questions = 0;

  bool adds_zombies = false; // As FreeBSD does.
  int add_error = 0;
  int timer_error = 0;
  std::function<void(pid_t)> after_adding = [](pid_t) {};

  exit_watch watch{*this};

  void becomes(pid_t pid, child state)
  {
    children[pid] = state;
    if (state != child::running && added.erase(pid) == 1)
      told.push_back(pid);
  }

  /// The loop finds the kqueue readable.
  bool wake()
  {
    if (told.empty() && !timer_runs)
      return false;
    watch.dispatch(*this);
    return true;
  }

  int add(pid_t pid) noexcept override
  {
    if (add_error)
      return add_error;
    if (children[pid] == child::exiting || (children[pid] == child::zombie && !adds_zombies))
      return ESRCH;
    added.insert(pid);
    after_adding(pid);
    return 0;
  }
  void remove(pid_t pid) noexcept override
  {
    added.erase(pid);
    std::erase(told, pid);
  }
  int start_timer(milliseconds time) noexcept override
  {
    if (timer_error)
      return timer_error;
    timers.push_back(time);
    timer_runs = true;
    return 0;
  }
  void take(kqueue_events& events) noexcept override
  {
    events.timer_passed = std::exchange(timer_runs, false);
    for (; !told.empty() && events.exited_count < kqueue_events::most; told.pop_front())
      events.exited[events.exited_count++] = told.front();
  }
  bool can_be_reaped(pid_t pid) noexcept override
  {
    ++questions;
    return !children.contains(pid) || children[pid] == child::zombie;
  }

  bool look(pid_t pid) noexcept override
  {
    watch.unwatch(pid);
    if (children.contains(pid) && children[pid] != child::zombie) {
      looked_at_now_and_then.insert(pid);
      return false;
    }
    if (children.erase(pid) == 0)
      return false;
    reaped.push_back(pid);
    return true;
  }
  void look_at_all() noexcept override {}
  void look_at_unwatched() noexcept override { ++looks_at_unwatched; }
  void woken() override {}
};

using state = fake_kernel::child;

class exit_watch_test : public ::testing::Test {
protected:
  void start(pid_t pid) { kernel_.children[pid] = state::running; }

  std::vector<milliseconds> times(std::initializer_list<int> given) const
  {
    return std::vector<milliseconds>(given.begin(), given.end());
  }

  fake_kernel kernel_;
  exit_watch& watch_ = kernel_.watch;
};

TEST_F(exit_watch_test, tells_of_an_exit)
{
  start(7);
  EXPECT_TRUE(watch_.watch(7));
  EXPECT_FALSE(kernel_.wake());
  kernel_.becomes(7, state::zombie);
  EXPECT_TRUE(kernel_.wake());
  EXPECT_EQ(kernel_.reaped, std::vector<pid_t>{7});
  EXPECT_FALSE(kernel_.wake());
  EXPECT_TRUE(kernel_.timers.empty());
}

TEST_F(exit_watch_test, says_that_one_has_ended_before)
{
  for (const bool adds_zombies : {false, true}) {
    kernel_.adds_zombies = adds_zombies;
    kernel_.children[7] = state::zombie;
    EXPECT_FALSE(watch_.watch(7)) << adds_zombies;
    EXPECT_TRUE(kernel_.added.empty());
    EXPECT_FALSE(kernel_.wake());
  }
}

TEST_F(exit_watch_test, looks_once_after_adding)
{
  start(7);
  kernel_.after_adding = [this](pid_t pid) { kernel_.children[pid] = state::zombie; }; // And nothing tells of it.
  EXPECT_FALSE(watch_.watch(7));
  EXPECT_TRUE(kernel_.added.empty());
}

TEST_F(exit_watch_test, does_not_give_up_one_that_is_exiting_when_it_is_added)
{
  kernel_.children[7] = state::exiting;
  EXPECT_TRUE(watch_.watch(7));
  EXPECT_TRUE(kernel_.wake());
  EXPECT_TRUE(kernel_.reaped.empty());
  kernel_.becomes(7, state::zombie);
  EXPECT_TRUE(kernel_.wake());
  EXPECT_EQ(kernel_.reaped, std::vector<pid_t>{7});
  EXPECT_FALSE(kernel_.wake());
}

TEST_F(exit_watch_test, looks_again_at_one_that_cannot_be_reaped_yet)
{
  start(7);
  EXPECT_TRUE(watch_.watch(7));
  kernel_.becomes(7, state::exiting);
  for (int i = 0; i < 4; ++i)
    EXPECT_TRUE(kernel_.wake());
  EXPECT_EQ(kernel_.timers, times({1, 2, 4, 8}));
  kernel_.becomes(7, state::zombie);
  EXPECT_TRUE(kernel_.wake());
  EXPECT_EQ(kernel_.reaped, std::vector<pid_t>{7});
  EXPECT_TRUE(kernel_.looked_at_now_and_then.empty());
  EXPECT_FALSE(kernel_.wake());
}

TEST_F(exit_watch_test, leaves_one_to_the_reaper_after_half_a_second)
{
  start(7);
  EXPECT_TRUE(watch_.watch(7));
  kernel_.becomes(7, state::exiting);
  unsigned wakes = 0;
  while (kernel_.wake() && wakes < 100)
    ++wakes;
  EXPECT_EQ(wakes, 1 + exit_watch::most_looks);
  EXPECT_EQ(kernel_.timers, times({1, 2, 4, 8, 16, 32, 64, 128, 256}));
  EXPECT_EQ(kernel_.looked_at_now_and_then, std::set<pid_t>{7});
}

TEST_F(exit_watch_test, looks_at_a_new_one_soon_while_another_takes_its_time)
{
  start(7);
  start(8);
  EXPECT_TRUE(watch_.watch(7));
  EXPECT_TRUE(watch_.watch(8));
  kernel_.becomes(7, state::exiting);
  for (int i = 0; i < 5; ++i)
    kernel_.wake();
  EXPECT_EQ(kernel_.timers.back(), milliseconds(16));
  kernel_.timer_runs = false; // It has not passed yet.
  kernel_.becomes(8, state::exiting);
  watch_.dispatch(kernel_);
  EXPECT_EQ(kernel_.timers.back(), milliseconds(1));
}

TEST_F(exit_watch_test, is_not_put_off_by_others)
{
  for (const pid_t pid : {7, 8, 9}) {
    start(pid);
    EXPECT_TRUE(watch_.watch(pid));
  }
  for (const pid_t pid : {7, 8, 9}) {
    kernel_.timer_runs = false;
    kernel_.becomes(pid, state::exiting);
    watch_.dispatch(kernel_);
  }
  EXPECT_EQ(kernel_.timers, times({1}));
}

TEST_F(exit_watch_test, leaves_to_the_reaper_what_cannot_be_added)
{
  start(7);
  for (const int error : {ENOMEM, EACCES}) {
    kernel_.add_error = error;
    EXPECT_FALSE(watch_.watch(7)) << error;
  }
  EXPECT_FALSE(kernel_.wake());
}

TEST_F(exit_watch_test, leaves_to_the_reaper_what_needs_a_timer_when_there_is_none)
{
  kernel_.timer_error = ENOMEM;
  kernel_.children[7] = state::exiting;
  EXPECT_FALSE(watch_.watch(7));

  start(8);
  EXPECT_TRUE(watch_.watch(8));
  kernel_.becomes(8, state::exiting);
  EXPECT_TRUE(kernel_.wake());
  EXPECT_EQ(kernel_.looked_at_now_and_then, std::set<pid_t>{8});
  EXPECT_FALSE(kernel_.wake());
}

TEST_F(exit_watch_test, leaves_to_the_reaper_what_it_has_looked_at_when_the_timer_fails)
{
  start(7);
  EXPECT_TRUE(watch_.watch(7));
  kernel_.becomes(7, state::exiting);
  EXPECT_TRUE(kernel_.wake());
  kernel_.timer_error = ENOMEM;
  EXPECT_TRUE(kernel_.wake());
  EXPECT_EQ(kernel_.looked_at_now_and_then, std::set<pid_t>{7});
  kernel_.timer_error = 0;
  start(8);
  EXPECT_TRUE(watch_.watch(8));
  kernel_.becomes(8, state::exiting);
  EXPECT_TRUE(kernel_.wake());
  EXPECT_EQ(kernel_.timers, times({1, 1}));
}

TEST_F(exit_watch_test, forgets_what_is_not_to_be_watched)
{
  start(7);
  EXPECT_TRUE(watch_.watch(7));
  kernel_.becomes(7, state::exiting);
  EXPECT_TRUE(kernel_.wake());
  watch_.unwatch(7);
  const int questions = kernel_.questions;
  EXPECT_TRUE(kernel_.wake()); // By the timer that still ran.
  EXPECT_FALSE(kernel_.wake());
  EXPECT_EQ(kernel_.questions, questions);
  EXPECT_TRUE(kernel_.looked_at_now_and_then.empty());
}

TEST_F(exit_watch_test, forgets_one_that_others_have_reaped)
{
  start(7);
  EXPECT_TRUE(watch_.watch(7));
  kernel_.becomes(7, state::exiting);
  EXPECT_TRUE(kernel_.wake());
  kernel_.children.erase(7);
  EXPECT_TRUE(kernel_.wake());
  EXPECT_FALSE(kernel_.wake());
}

TEST_F(exit_watch_test, tells_of_more_than_one_call_takes)
{
  for (pid_t pid = 1; pid <= 150; ++pid) {
    start(pid);
    EXPECT_TRUE(watch_.watch(pid));
  }
  for (pid_t pid = 1; pid <= 150; ++pid)
    kernel_.becomes(pid, state::zombie);
  while (kernel_.wake()) {
  }
  EXPECT_EQ(kernel_.reaped.size(), 150u);
  EXPECT_EQ(kernel_.looks_at_unwatched, 3);
}

} // namespace
} // namespace subprocess::tests
