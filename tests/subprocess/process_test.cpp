#include <subprocess/detail/process/process.hpp> // First: proves it stands alone.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>
#include <vector>

#include <subprocess/spawn.hpp>

#include "support/baseline.hpp"
#include "support/isolated.hpp"
#include "support/pipes.hpp"
#include "support/programs.hpp"

namespace subprocess::tests {
namespace {

using detail::process;

/// A process made without the library's launchers.
class one_process : public baseline {
protected:
  /// A child that exits with `code` when `gate_` is closed.
  pid_t fork_child(int code)
  {
    gate_ = make_pipe();
    const pid_t pid = ::fork();
    if (pid == 0) {
      gate_.write_end.reset();
      ::alarm(60);
      char c;
      while (::read(gate_.read_end.get(), &c, 1) == -1) {
      }
      ::_exit(code);
    }
    gate_.read_end.reset();
    return pid;
  }

  void let_end() { gate_.write_end.reset(); }

  void TearDown() override
  {
    gate_ = {};
    baseline::TearDown();
  }

private:
  pipe_ends gate_;
};

TEST_F(one_process, is_running_then_ended)
{
  process child(fork_child(5), {});
  EXPECT_EQ(child.current(), process::state::running);
  EXPECT_EQ(child.try_reap(), process::state::running);
  EXPECT_EQ(child.status(), exit_status());
  EXPECT_FALSE(child.usage());
  let_end();
  EXPECT_EQ(child.reap(), process::state::ended);
  EXPECT_EQ(child.current(), process::state::ended);
  EXPECT_EQ(child.status().code(), 5);
  ASSERT_TRUE(child.usage());
  EXPECT_GT(child.usage()->ru_maxrss, 0);
  EXPECT_FALSE(is_our_child(child.id()));
}

TEST_F(one_process, is_signalled_until_it_was_reaped)
{
  process child(fork_child(0), {});
  EXPECT_FALSE(child.signal(0));
  EXPECT_EQ(child.signal(9999), std::errc::invalid_argument);
  EXPECT_FALSE(child.signal(SIGKILL));
  EXPECT_EQ(child.reap(), process::state::ended);
  EXPECT_EQ(child.status().signal(), SIGKILL);
  EXPECT_EQ(child.signal(SIGKILL), std::errc::invalid_argument);
}

TEST_F(one_process, is_lost_when_other_code_reaps_it)
{
  process child(fork_child(0), {});
  let_end();
  ASSERT_EQ(::waitpid(child.id(), nullptr, 0), child.id());
  EXPECT_EQ(child.reap(), process::state::lost);
  EXPECT_EQ(child.try_reap(), process::state::lost);
  EXPECT_EQ(child.signal(0), std::errc::invalid_argument);
  EXPECT_EQ(child.status(), exit_status());
  EXPECT_FALSE(child.usage());
  EXPECT_EQ(detail::error_of(child.current()), std::errc::no_child_process);
  EXPECT_FALSE(detail::error_of(process::state::ended));
  EXPECT_FALSE(detail::error_of(process::state::running));
}

TEST_F(one_process, is_never_signalled_under_a_number_that_is_somebody_elses)
{
  // The first child is reaped by other code; its number then lives on as
  // another child would take it. Only a pidfd can tell.
  process child(fork_child(0), {});
  const detail::pidfd_use held(child);
  if (held.get() == -1) {
    let_end();
    child.reap();
    GTEST_SKIP() << "no pidfds here";
  }
  let_end();
  ASSERT_EQ(::waitpid(child.id(), nullptr, 0), child.id());
  EXPECT_EQ(child.signal(SIGKILL), std::errc::invalid_argument);
  EXPECT_EQ(child.current(), process::state::lost);
}

TEST_F(one_process, is_reaped_once_by_many_threads)
{
  process child(fork_child(3), {});
  std::vector<std::thread> waiters;
  std::atomic<int> right = 0;
  for (int i = 0; i < 4; ++i)
    waiters.emplace_back([&, i] {
      auto state = i % 2 ? child.reap() : process::state::running;
      while (state == process::state::running)
        state = child.try_reap();
      right += state == process::state::ended && child.status().code() == 3;
    });
  let_end();
  for (std::thread& waiter : waiters)
    waiter.join();
  EXPECT_EQ(right, 4);
}

TEST_F(one_process, knows_its_parent_from_a_copy)
{
  process child(fork_child(0), {});
  EXPECT_TRUE(child.is_parent());
  isolated([&] { EXPECT_FALSE(child.is_parent()); });
  child.signal(SIGKILL);
  child.reap();
}

TEST_F(one_process, that_was_copied_by_a_fork_is_lost_there_whoever_held_its_lock)
{
  process child(fork_child(0), {});
  std::atomic<bool> done = false;
  std::vector<std::thread> holders; // Of the lock, nearly all of the time.
  for (int i = 0; i < 2; ++i)
    holders.emplace_back([&] {
      while (!done)
        child.try_reap();
    });
  for (int i = 0; i < 10; ++i)
    isolated([&] {
      EXPECT_EQ(child.current(), process::state::lost);
      EXPECT_EQ(child.try_reap(), process::state::lost);
      EXPECT_EQ(child.reap(), process::state::lost);
      EXPECT_EQ(child.signal(SIGKILL), std::errc::invalid_argument);
      EXPECT_EQ(child.signal_group(SIGKILL), std::errc::invalid_argument);
      EXPECT_EQ(child.kill(stop_sequence::target::group), std::errc::invalid_argument);
      EXPECT_FALSE(child.take_change());
      EXPECT_TRUE(child.has_ended());
      EXPECT_FALSE(child.is_stopped());
      EXPECT_FALSE(child.report());
      EXPECT_EQ(child.status(), exit_status());
      EXPECT_EQ(detail::pidfd_use(child).get(), -1);
      child.begin_group_stop();
      child.end_group_stop();
    });
  done = true;
  for (std::thread& holder : holders)
    holder.join();
  child.signal(SIGKILL);
  child.reap();
}

TEST_F(one_process, that_has_ended_is_known_in_a_fork_too)
{
  process child(fork_child(3), {});
  let_end();
  child.reap();
  isolated([&] {
    EXPECT_EQ(child.reap(), process::state::ended);
    EXPECT_EQ(child.status().code(), 3);
    EXPECT_TRUE(child.report());
  });
}

TEST_F(one_process, lets_its_pidfd_go_when_it_is_reaped_and_nobody_uses_it)
{
  const std::set<int> before = open_descriptors();
  process child(fork_child(0), {});
  {
    const detail::pidfd_use first(child);
    if (first.get() == -1) {
      let_end();
      child.reap();
      GTEST_SKIP() << "no pidfds here";
    }
    const detail::pidfd_use second(child);
    EXPECT_EQ(second.get(), first.get());
    let_end();
    child.reap();
    EXPECT_NE(::fcntl(first.get(), F_GETFD), -1) << "it may be polled";
    EXPECT_EQ(detail::pidfd_use(child).get(), -1) << "nobody needs it any more";
    EXPECT_NE(::fcntl(first.get(), F_GETFD), -1);
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(one_process, tells_its_cpu_time)
{
  child burning = spawn(helper({"burn", "100"}));
  process measured(burning.id(), {});
  ASSERT_EQ(measured.reap(), process::state::ended);
  ASSERT_TRUE(measured.usage());
  const rusage usage = *measured.usage();
  EXPECT_GE(usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_sec * 1000000 +
                usage.ru_stime.tv_usec,
            90000);
}

} // namespace
} // namespace subprocess::tests
