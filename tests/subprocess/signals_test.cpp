#include <subprocess/spawn.hpp>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <vector>

#include "support/isolated.hpp"
#include "support/launchers.hpp"

namespace subprocess::tests {
namespace {

std::vector<int> blocked_signals()
{
  sigset_t mask;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  std::vector<int> blocked;
  for (int number = 1; number < NSIG; ++number)
    if (::sigismember(&mask, number) == 1)
      blocked.push_back(number);
  return blocked;
}

void block(std::initializer_list<int> numbers)
{
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : numbers)
    ::sigaddset(&set, number);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

using signals = per_launcher;
SUBPROCESS_FOR_EACH_LAUNCHER(signals);

TEST_P(signals, that_are_blocked_are_not_blocked_in_the_child)
{
  isolated([&] {
    block({SIGINT, SIGTERM, SIGCHLD, SIGUSR1, SIGRTMIN, SIGRTMAX});
    EXPECT_EQ(output_of({"sigmask"}), "");
    // As in the seed's test_process_mask: blocked here, it ends the child.
    child cat = spawn(helper({"cat"}).stdin_from(stdio::pipe()).stdout_to(stdio::pipe()));
    cat.send_signal(SIGINT);
    EXPECT_EQ(cat.wait().signal(), SIGINT);
  });
}

TEST_P(signals, the_parents_mask_is_as_before_whatever_happens)
{
  isolated([&] {
    block({SIGINT, SIGRTMIN});
    const std::vector<int> before = blocked_signals();
    EXPECT_FALSE(before.empty());
    output_of({"exit", "0"});
    EXPECT_EQ(blocked_signals(), before);
    failure_of(program("/nonexistent"));
    EXPECT_EQ(blocked_signals(), before);
    failure_of(program(""));
    EXPECT_EQ(blocked_signals(), before);
  });
}

TEST_P(signals, that_are_ignored_stay_ignored_all_but_SIGPIPE)
{
  isolated([&] {
    for (const int number : {SIGHUP, SIGPIPE, SIGUSR2, SIGRTMIN + 3})
      std::signal(number, SIG_IGN);
    EXPECT_EQ(output_of({"sigdispositions"}), "1 ignored\n12 ignored\n" + std::to_string(SIGRTMIN + 3) + " ignored\n");
  });
}

TEST_P(signals, with_a_handler_become_default)
{
  isolated([&] {
    for (const int number : {SIGHUP, SIGPIPE, SIGUSR1, SIGCHLD, SIGRTMAX})
      std::signal(number, [](int) {});
    EXPECT_EQ(output_of({"sigdispositions"}), "");
    EXPECT_EQ(run(helper({"signal", "10"})).signal(), SIGUSR1);
  });
}

TEST_P(signals, the_parents_handlers_are_as_before)
{
  isolated([&] {
    std::signal(SIGHUP, SIG_IGN);
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGUSR1, [](int) {});
    output_of({"exit", "0"});
    failure_of(program("/nonexistent"));
    struct sigaction current;
    ::sigaction(SIGPIPE, nullptr, &current);
    EXPECT_EQ(current.sa_handler, SIG_IGN);
    ::sigaction(SIGUSR1, nullptr, &current);
    EXPECT_TRUE(current.sa_handler != SIG_DFL && current.sa_handler != SIG_IGN);
  });
}

TEST_P(signals, SIGPIPE_ends_a_child_that_writes_to_nobody)
{
  isolated([&] {
    std::signal(SIGPIPE, SIG_IGN);
    child writer = spawn(helper({"write", "1", "10000000"}).stdout_to(stdio::pipe()));
    writer.stdout_pipe().reset();
    EXPECT_EQ(writer.wait().signal(), SIGPIPE);
  });
}

// A handler of the parent, run in a child that is not a program yet, would see
// the parent's state and think that it is the parent.

TEST(signal_handlers_of_the_parent, never_run_in_the_child)
{
  isolated([] {
    void* const shared = ::mmap(nullptr, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(shared, MAP_FAILED);
    static volatile int* calls;
    calls = static_cast<int*>(shared);
    std::signal(SIGUSR1, [](int) { *calls = *calls + 1; });
    command what = helper({"exit", "0"});
    what.pre_exec([] {
      ::raise(SIGUSR1); // As if it came before the exec.
      return std::error_code();
    });
    std::error_code ec;
    child started = spawn(what, ec);
    if (!ec) {
      EXPECT_EQ(end_of(started).signal(), SIGUSR1);
    }
    EXPECT_EQ(*calls, 0);
    ::raise(SIGUSR1);
    EXPECT_EQ(*calls, 1);
    ::munmap(shared, sizeof(int));
  });
}

} // namespace
} // namespace subprocess::tests
