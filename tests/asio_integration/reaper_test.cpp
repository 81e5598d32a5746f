#include <asio_integration/reaper.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <asio/thread_pool.hpp>

#include <atomic>
#include <csignal>
#include <set>
#include <sstream>
#include <vector>

#include <subprocess/spawn.hpp>

#include "io_fixture.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

struct sigaction current_action()
{
  struct sigaction action{};
  ::sigaction(SIGCHLD, nullptr, &action);
  return action;
}

TEST(reaper_source_text, is_as_the_enumerator_is_written)
{
  std::ostringstream out;
  out << reaper_source::automatic << ' ' << reaper_source::sigchld << ' ' << reaper_source::pidfd << ' '
      << reaper_source::kqueue;
  EXPECT_EQ(out.str(), "automatic sigchld pidfd kqueue");
  EXPECT_EQ(to_string(static_cast<reaper_source>(99)), "unknown");
}

TEST(reaper_choice, is_pidfd_where_there_is_one)
{
  asio::io_context context;
  const auto best = is_available(reaper_source::pidfd) ? reaper_source::pidfd : reaper_source::sigchld;
  EXPECT_EQ(reaper_in_use(context), best);
  use_reaper(context, reaper_source::automatic);
  EXPECT_EQ(reaper_in_use(context), best);
}

TEST(reaper_choice, without_pidfds_is_an_error_when_it_is_asked_for)
{
  if (is_available(reaper_source::pidfd))
    GTEST_SKIP() << "this system has pidfds";
  asio::io_context context;
  std::error_code ec;
  use_reaper(context, reaper_source::pidfd, ec);
  EXPECT_EQ(ec, std::errc::function_not_supported);
  EXPECT_THROW(use_reaper(context, reaper_source::pidfd), std::system_error);
  EXPECT_EQ(reaper_in_use(context), reaper_source::sigchld);
}

class choosing : public io_fixture {
protected:
  reaper_source other_source() const
  {
    return GetParam().source == reaper_source::sigchld ? reaper_source::pidfd : reaper_source::sigchld;
  }
};
SUBPROCESS_FOR_EACH_SETUP(choosing);

TEST_P(choosing, holds_for_the_whole_life_of_the_context)
{
  EXPECT_EQ(reaper_in_use(context()), GetParam().source);
  async_child helper = start({"exit", "0"});
  EXPECT_EQ(reaper_in_use(context()), GetParam().source);
  end_of(helper);
  EXPECT_EQ(reaper_in_use(context()), GetParam().source);
}

#ifdef __linux__
TEST_P(choosing, a_source_of_other_systems_is_refused)
{
  std::error_code ec;
  use_reaper(context(), reaper_source::kqueue, ec);
  EXPECT_EQ(ec, std::errc::function_not_supported);
  EXPECT_EQ(reaper_in_use(context()), GetParam().source);
}
#endif

TEST_P(choosing, can_change_its_mind_before_the_first_spawn)
{
  asio::io_context fresh;
  use_reaper(fresh, reaper_source::sigchld);
  use_reaper(fresh, reaper_source::automatic);
  use_source(fresh);
  EXPECT_EQ(reaper_in_use(fresh), GetParam().source);
}

TEST_P(choosing, another_source_after_the_first_spawn_is_refused)
{
  if (!is_available(other_source()))
    GTEST_SKIP() << "no other source";
  async_child helper = start({"exit", "0"});
  std::error_code ec;
  use_reaper(context(), other_source(), ec);
  EXPECT_EQ(ec, std::errc::device_or_resource_busy);
  EXPECT_THROW(use_reaper(context(), other_source()), std::system_error);
  EXPECT_EQ(reaper_in_use(context()), GetParam().source);

  use_reaper(context(), GetParam().source, ec); // The same again is fine.
  EXPECT_FALSE(ec) << ec.message();
  end_of(helper);
}

TEST_P(choosing, holds_for_that_context_alone)
{
  if (!is_available(other_source()))
    GTEST_SKIP() << "no other source";
  asio::io_context other;
  use_reaper(other, other_source());
  async_child here = start({"exit", "1"});
  async_child there = spawn(other, helper({"exit", "2"}));
  EXPECT_EQ(reaper_in_use(context()), GetParam().source);
  EXPECT_EQ(reaper_in_use(other), other_source());

  wait_result there_ended;
  there.async_wait(there_ended.handler());
  other.run_for(patience);
  EXPECT_EQ(there_ended.status.code(), 2);
  EXPECT_EQ(end_of(here).code(), 1);
}

TEST_P(choosing, is_possible_for_a_thread_pool)
{
  asio::thread_pool pool(1);
  use_source(pool);
  EXPECT_EQ(reaper_in_use(pool), GetParam().source);
}

class reaping : public io_fixture {};
SUBPROCESS_FOR_EACH_SETUP(reaping);

TEST_P(reaping, leaves_no_descriptor_open_though_the_childs_object_lives)
{
  async_child first = start(helper({"exit", "0"})); // What the context keeps is there after this one.
  end_of(first);
  const std::set<int> before = open_descriptors();
  async_child second = start(helper({"exit", "0"}));
  end_of(second);
  EXPECT_EQ(open_descriptors(), before);
}

TEST_P(reaping, that_ends_with_its_context_leaves_no_descriptor_open)
{
  async_child first = start(helper({"exit", "0"})); // What the library keeps is there after this one.
  end_of(first);
  end_context();
  const std::set<int> before = open_descriptors();
  async_child running = start(helper({"hang"}));
  async_child over = start(helper({"exit", "0"}));
  wait_until_exited(over.id());
  end_context();
  ::kill(running.id(), SIGKILL);
  EXPECT_TRUE(all_children_gone());
  EXPECT_EQ(open_descriptors(), before);
}

class ends_at_once : public io_fixture {};
SUBPROCESS_FOR_EACH_SETUP(ends_at_once);

// A look of the sigchld source takes long where thousands run.
TEST_P(ends_at_once, are_told_one_by_one_with_sigchld)
{
  if (GetParam().source != reaper_source::sigchld)
    GTEST_SKIP() << "pidfds tell of many at once";
  async_child children[] = {start({"hang"}), start({"hang"})};
  for (async_child& child : children) {
    child.kill();
    wait_until_exited(child.id());
  }
  wait_result results[2];
  std::vector<bool> other_was_reaped;
  for (std::size_t i = 0; i < 2; ++i)
    children[i].async_wait([&, i](std::error_code ec, exit_status status) {
      results[i].handler()(ec, status);
      other_was_reaped.push_back(children[1 - i].status().has_value());
    });
  run_to_end();
  EXPECT_EQ(other_was_reaped, (std::vector<bool>{false, true}));
  for (const wait_result& result : results)
    EXPECT_EQ(result.status.signal(), SIGKILL);
}

class host_signals : public io_fixture {
protected:
  // Whatever the test does to the disposition ends with it.
  void SetUp() override
  {
    io_fixture::SetUp();
    before_ = current_action();
  }
  void TearDown() override
  {
    end_context();
    ::sigaction(SIGCHLD, &before_, nullptr);
    io_fixture::TearDown();
  }

private:
  struct sigaction before_{};
};
SUBPROCESS_FOR_EACH_SETUP(host_signals);

// The thread that runs the handler is any that does not block the signal.
std::atomic<int> host_handler_runs = 0;

void host_handler(int)
{
  ++host_handler_runs;
}

TEST_P(host_signals, handler_and_flags_stay_with_pidfd)
{
  if (GetParam().source != reaper_source::pidfd)
    GTEST_SKIP() << "for pidfd";
  struct sigaction own{};
  own.sa_handler = host_handler;
  own.sa_flags = SA_NOCLDSTOP;
  ::sigaction(SIGCHLD, &own, nullptr);
  host_handler_runs = 0;

  async_child helper = start({"exit", "3"});
  EXPECT_EQ(end_of(helper).code(), 3);

  const struct sigaction now = current_action();
  EXPECT_EQ(now.sa_handler, host_handler);
  EXPECT_EQ(now.sa_flags & (SA_NOCLDSTOP | SA_RESTART), SA_NOCLDSTOP);
  EXPECT_TRUE(eventually([] { return host_handler_runs >= 1; }));
}

TEST_P(host_signals, calls_are_restarted_with_sigchld)
{
  if (GetParam().source != reaper_source::sigchld)
    GTEST_SKIP() << "for sigchld";
  async_child helper = start({"exit", "0"});
  const struct sigaction now = current_action();
  EXPECT_NE(now.sa_handler, SIG_DFL);
  EXPECT_TRUE(now.sa_flags & SA_RESTART);
  EXPECT_FALSE(now.sa_flags & SA_NOCLDSTOP) << "another signal_set may want to hear of stopped children";
  end_of(helper);
}

TEST_P(host_signals, calls_are_restarted_when_a_signal_set_was_there_first)
{
  if (GetParam().source != reaper_source::sigchld)
    GTEST_SKIP() << "for sigchld";
  asio::signal_set first(context(), SIGCHLD);
  async_child helper = start({"exit", "0"});
  EXPECT_TRUE(current_action().sa_flags & SA_RESTART);
  end_of(helper);
}

TEST_P(host_signals, disposition_is_default_again_after_the_context)
{
  ::signal(SIGCHLD, SIG_DFL);
  async_child helper = start({"exit", "0"});
  end_of(helper);
  helper = {};
  end_context();
  EXPECT_EQ(current_action().sa_handler, SIG_DFL);
}

TEST_P(host_signals, another_signal_set_hears_of_the_child_too)
{
  asio::signal_set own(context(), SIGCHLD);
  int heard = 0;
  own.async_wait([&](std::error_code ec, int number) { heard = ec ? -1 : number; });

  async_child helper = start({"exit", "3"});
  EXPECT_EQ(end_of(helper).code(), 3);
  run_until([&] { return heard != 0; });
  EXPECT_EQ(heard, SIGCHLD);
}

TEST_P(host_signals, another_signal_set_may_come_and_go)
{
  async_child first = start({"exit", "1"});
  {
    asio::signal_set own(context(), SIGCHLD);
    async_child second = start({"exit", "2"});
    EXPECT_EQ(end_of(second).code(), 2);
  }
  EXPECT_EQ(end_of(first).code(), 1);
  async_child third = start({"exit", "3"});
  EXPECT_EQ(end_of(third).code(), 3);
}

// The signal is lost on purpose: nothing but a look by itself can find the end.
TEST_P(host_signals, taken_away_do_not_hang_a_wait)
{
  async_child helper = start({"hang"});
  wait_result result;
  helper.async_wait(result.handler());
  EXPECT_TRUE(is_busy()); // The source listens by now.
  ::signal(SIGCHLD, SIG_DFL);
  helper.kill();
  run_to_end();
  EXPECT_EQ(result.status.signal(), SIGKILL);
}

TEST_P(host_signals, blocked_do_not_hang_a_wait)
{
  isolated_loop([&] {
    async_child helper = start({"hang"});
    wait_result result;
    helper.async_wait(result.handler());
    EXPECT_TRUE(is_busy());
    sigset_t chld;
    ::sigemptyset(&chld);
    ::sigaddset(&chld, SIGCHLD);
    ::pthread_sigmask(SIG_BLOCK, &chld, nullptr);
    helper.kill();
    run_to_end();
    EXPECT_EQ(result.status.signal(), SIGKILL);
  });
}

// Then the kernel reaps, and nobody learns the status.
TEST_P(host_signals, ignored_give_no_child_process)
{
  isolated_loop([&] {
    async_child helper = start({"hang"});
    ::signal(SIGCHLD, SIG_IGN);
    wait_result first;
    helper.async_wait(first.handler());
    helper.kill();
    run_to_end();
    EXPECT_EQ(first.ec, std::errc::no_child_process);
    EXPECT_EQ(first.status, exit_status());

    wait_result later;
    helper.async_wait(later.handler());
    run_to_end();
    EXPECT_EQ(later.ec, std::errc::no_child_process);
    std::error_code ec;
    helper.kill(ec);
    EXPECT_EQ(ec, std::errc::invalid_argument);
    EXPECT_FALSE(helper.status());
    EXPECT_FALSE(helper.usage());
  });
}

// The sigchld source catches the signal then, and so hears, unless another
// signal_set is there already: Asio installs its handler with the first.
TEST_P(host_signals, ignored_from_the_start_do_not_hang_a_wait)
{
  isolated_loop([&] {
    ::signal(SIGCHLD, SIG_IGN);
    async_child helper = start({"exit", "3"});
    wait_result result;
    helper.async_wait(result.handler());
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    if (GetParam().source == reaper_source::pidfd || result.ec) {
      EXPECT_EQ(result.ec, std::errc::no_child_process);
      EXPECT_EQ(result.status, exit_status());
    } else {
      EXPECT_EQ(result.status.code(), 3);
    }
  });
}

TEST_P(host_signals, of_strangers_are_left_to_their_owner)
{
  async_child helper = start({"hang"});
  child stranger = spawn(tests::helper({"exit", "9"}));
  wait_until_exited(stranger.id());
  wait_result result;
  helper.async_wait(result.handler());
  EXPECT_TRUE(is_busy());
  helper.kill();
  run_to_end(); // Finds the end of its own behind that of the stranger.
  EXPECT_EQ(result.status.signal(), SIGKILL);
  EXPECT_EQ(tests::end_of(stranger).code(), 9);
}

} // namespace
} // namespace subprocess::tests
