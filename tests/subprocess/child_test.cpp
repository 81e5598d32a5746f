#include <subprocess/child.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <optional>
#include <set>
#include <thread>
#include <type_traits>

#include <subprocess/spawn.hpp>

#include "support/deadline.hpp"
#include "support/isolated.hpp"
#include "support/launchers.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

static_assert(!std::is_copy_constructible_v<child> && !std::is_copy_assignable_v<child>);
static_assert(std::is_nothrow_move_constructible_v<child> && std::is_nothrow_move_assignable_v<child>);

void expect_empty(child& empty)
{
  EXPECT_EQ(empty.id(), -1);
  EXPECT_FALSE(empty.stdin_pipe());
  EXPECT_FALSE(empty.stdout_pipe());
  EXPECT_FALSE(empty.stderr_pipe());
  std::error_code ec;
  EXPECT_EQ(empty.wait(ec), exit_status());
  EXPECT_EQ(ec, std::errc::invalid_argument);
  EXPECT_EQ(empty.try_wait(ec = {}), std::nullopt);
  EXPECT_EQ(ec, std::errc::invalid_argument);
  EXPECT_EQ(empty.wait_for(1h, ec = {}), std::nullopt);
  EXPECT_EQ(ec, std::errc::invalid_argument);
  empty.kill(ec = {});
  EXPECT_EQ(ec, std::errc::invalid_argument);
  empty.send_signal(0, ec = {});
  EXPECT_EQ(ec, std::errc::invalid_argument);
  EXPECT_THROW(empty.wait(), std::system_error);
  EXPECT_THROW(empty.try_wait(), std::system_error);
  EXPECT_THROW(empty.wait_for(1ns), std::system_error);
  EXPECT_THROW(empty.kill(), std::system_error);
  EXPECT_THROW(empty.send_signal(0), std::system_error);
}

class waiting : public per_launcher {
protected:
  child start(std::initializer_list<std::string_view> verb) const
  {
    return spawn(helper(verb).stdin_from(stdio::pipe()).stdout_to(stdio::pipe()));
  }

  /// A child that is known to have ended, and is not reaped.
  child ended(std::initializer_list<std::string_view> verb) const
  {
    child started = start(verb);
    siginfo_t info;
    EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(started.id()), &info, WEXITED | WNOWAIT), 0);
    return started;
  }
};
SUBPROCESS_FOR_EACH_LAUNCHER(waiting);

TEST_P(waiting, on_nothing_is_an_invalid_argument)
{
  child none;
  expect_empty(none);
  std::error_code ec;
  child failed = spawn(program("/nonexistent"), ec);
  expect_empty(failed);
  child moved_from = start({"exit", "0"});
  child moved = std::move(moved_from);
  expect_empty(moved_from);
  EXPECT_TRUE(end_of(moved).success());
}

TEST_P(waiting, gives_the_exit_code)
{
  for (const int code : {0, 1, 42, 127, 255}) {
    child started = start({"exit", std::to_string(code)});
    EXPECT_EQ(started.wait().code(), code);
  }
}

TEST_P(waiting, gives_the_signal)
{
  for (const int number : {SIGTERM, SIGUSR1, SIGPIPE, SIGALRM}) {
    const exit_status status = start({"signal", std::to_string(number)}).wait();
    EXPECT_EQ(status.signal(), number);
    EXPECT_EQ(status.code(), std::nullopt);
    EXPECT_FALSE(status.success());
  }
}

TEST_P(waiting, twice_gives_the_same_status)
{
  child started = start({"exit", "7"});
  const pid_t pid = started.id();
  EXPECT_GT(pid, 0);
  const exit_status first = started.wait();
  EXPECT_EQ(first.code(), 7);
  EXPECT_EQ(started.wait(), first);
  EXPECT_EQ(started.try_wait(), first);
  EXPECT_EQ(started.wait_for(0ns), first);
  EXPECT_EQ(started.id(), pid);
  EXPECT_FALSE(is_our_child(pid));
}

TEST_P(waiting, in_any_form_reaps)
{
  child by_try = ended({"exit", "1"});
  EXPECT_EQ(by_try.try_wait()->code(), 1);
  EXPECT_FALSE(is_our_child(by_try.id()));
  child by_limit = ended({"exit", "2"});
  EXPECT_EQ(by_limit.wait_for(0ns)->code(), 2);
  EXPECT_FALSE(is_our_child(by_limit.id()));
}

TEST_P(waiting, closes_stdin_first_so_that_cat_ends)
{
  child cat = start({"cat"});
  EXPECT_TRUE(cat.wait().success());
  EXPECT_FALSE(cat.stdin_pipe());
  EXPECT_TRUE(cat.stdout_pipe());
}

TEST_P(waiting, with_a_limit_touches_no_pipe)
{
  child cat = start({"cat"});
  EXPECT_EQ(cat.try_wait(), std::nullopt);
  EXPECT_EQ(cat.wait_for(1ms), std::nullopt);
  EXPECT_TRUE(cat.stdin_pipe());
  write_all(cat.stdin_pipe().get(), "alive\n");
  EXPECT_EQ(read_line(cat.stdout_pipe().get()), "alive");
  EXPECT_TRUE(end_of(cat).success());
}

TEST_P(waiting, with_a_limit_lasts_as_long_as_that)
{
  child hanging = start({"hang"});
  std::error_code ec(EIO, std::system_category());
  const auto start_time = std::chrono::steady_clock::now();
  const std::clock_t cpu = std::clock();
  EXPECT_EQ(hanging.wait_for(300ms, ec), std::nullopt);
  EXPECT_FALSE(ec);
  EXPECT_GE(std::chrono::steady_clock::now() - start_time, 300ms);
  EXPECT_LT(std::clock() - cpu, CLOCKS_PER_SEC / 10) << "a busy loop";
  hanging.kill();
  EXPECT_EQ(end_of(hanging).signal(), SIGKILL);
}

TEST_P(waiting, with_a_limit_that_has_passed_looks_once)
{
  child hanging = start({"hang"});
  for (const std::chrono::nanoseconds limit : {0ns, -1ns, std::chrono::nanoseconds::min()}) {
    const deadline soon;
    EXPECT_EQ(hanging.wait_for(limit), std::nullopt);
    EXPECT_FALSE(soon.passed());
  }
  hanging.kill();
  EXPECT_EQ(end_of(hanging).signal(), SIGKILL);
  child over = ended({"exit", "3"});
  EXPECT_EQ(over.wait_for(-1ns)->code(), 3);
}

TEST_P(waiting, with_a_limit_of_centuries_is_a_wait_to_the_end)
{
  for (const auto limit : {std::chrono::hours(24) * 365 * 1000, std::chrono::hours::max()}) {
    child cat = start({"cat"});
    std::thread closer([&] {
      EXPECT_EQ(becomes_readable(cat.stdout_pipe().get(), 20ms), false); // Lets the wait begin.
      cat.stdin_pipe().reset();
    });
    const auto status = cat.wait_for(limit);
    closer.join();
    EXPECT_TRUE(status);
    EXPECT_TRUE(end_of(cat).success());
  }
}

TEST_P(waiting, with_a_limit_ends_when_the_child_does)
{
  child cat = start({"cat"});
  std::thread closer([&] {
    EXPECT_EQ(becomes_readable(cat.stdout_pipe().get(), 20ms), false); // Lets the wait begin.
    cat.stdin_pipe().reset();
  });
  const deadline soon;
  const auto status = cat.wait_for(std::chrono::nanoseconds::max()); // Must not overflow.
  closer.join();
  ASSERT_TRUE(status);
  EXPECT_TRUE(status->success());
  EXPECT_FALSE(soon.passed());
}

TEST_P(waiting, in_any_form_leaves_no_descriptor_open)
{
  const std::set<int> before = open_descriptors();
  child by_wait = spawn(helper({"exit", "0"}));
  by_wait.wait();
  EXPECT_EQ(open_descriptors(), before);
  child by_limit = spawn(helper({"exit", "0"}));
  EXPECT_TRUE(by_limit.wait_for(patience));
  EXPECT_EQ(open_descriptors(), before);
  child by_try = spawn(helper({"exit", "0"}));
  EXPECT_TRUE(eventually([&] { return by_try.try_wait().has_value(); }));
  EXPECT_EQ(open_descriptors(), before);
  child by_stop = spawn(helper({"hang"}));
  by_stop.stop();
  EXPECT_EQ(open_descriptors(), before);
}

TEST_P(waiting, of_two_threads_at_once_is_safe_though_one_of_them_reaps)
{
  for (int i = 0; i < 20; ++i) {
    child cat = start({"cat"});
    std::optional<exit_status> statuses[2];
    std::thread waiters[2];
    for (int t = 0; t < 2; ++t)
      waiters[t] = std::thread([&, t] { statuses[t] = cat.wait_for(patience); });
    cat.stdin_pipe().reset();
    for (std::thread& waiter : waiters)
      waiter.join();
    for (const auto& status : statuses)
      EXPECT_EQ(status, exit_status(0));
  }
}

// ThreadSanitizer is who sees it: both find our end of its stdin open.
TEST_P(waiting, of_two_threads_at_once_closes_stdin_once)
{
  child cat = spawn(helper({"cat"}).stdin_from(stdio::pipe()).stdout_to(stdio::null()));
  exit_status statuses[2];
  std::thread waiters[2];
  for (int t : {0, 1})
    waiters[t] = std::thread([&, t] { statuses[t] = cat.wait(); });
  for (std::thread& waiter : waiters)
    waiter.join();
  for (const exit_status& status : statuses)
    EXPECT_TRUE(status.success());
  EXPECT_FALSE(cat.stdin_pipe());
}

TEST_P(waiting, works_with_no_descriptors_permitted)
{
  isolated([&] {
    child cat = start({"cat"});
    child sorted = start({"hang"});
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    const rlimit none{0, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    const std::clock_t cpu = std::clock();
    EXPECT_EQ(cat.wait_for(100ms), std::nullopt);
    EXPECT_LT(std::clock() - cpu, CLOCKS_PER_SEC / 20) << "a busy loop";
    cat.stdin_pipe().reset();
    EXPECT_EQ(cat.wait_for(patience), exit_status(0));
    EXPECT_EQ(sorted.stop().signal(), SIGTERM);
    ::setrlimit(RLIMIT_NOFILE, &before);
  });
}

TEST_P(waiting, takes_a_stopped_child_for_a_running_one)
{
  child stopped = start({"hang"});
  stopped.send_signal(SIGSTOP);
  siginfo_t info;
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(stopped.id()), &info, WSTOPPED), 0);
  EXPECT_EQ(stopped.try_wait(), std::nullopt);
  EXPECT_EQ(stopped.wait_for(20ms), std::nullopt);
  stopped.send_signal(SIGCONT);
  EXPECT_EQ(stopped.try_wait(), std::nullopt);
  stopped.kill();
  EXPECT_EQ(stopped.wait().signal(), SIGKILL);
}

TEST_P(waiting, survives_signals_with_handlers)
{
  isolated([&] {
    struct sigaction action = {};
    action.sa_handler = [](int) {};
    ::sigaction(SIGUSR1, &action, nullptr); // Without SA_RESTART.
    child cat = start({"cat"});
    const unique_fd held(cat.stdin_pipe().release()); // wait() would close it.
    const pthread_t waiter = ::pthread_self();
    std::thread disturber([&] {
      for (int i = 0; i < 20; ++i) {
        ::pthread_kill(waiter, SIGUSR1);
        ::poll(nullptr, 0, 1); // Any of them may hit the wait; none may end it.
      }
      cat.kill();
    });
    const exit_status status = cat.wait();
    disturber.join();
    EXPECT_EQ(status.signal(), SIGKILL);
  });
}

using signalling = waiting;
SUBPROCESS_FOR_EACH_LAUNCHER(signalling);

TEST_P(signalling, kills)
{
  child hanging = start({"ignore", "15"});
  EXPECT_EQ(read_line(hanging.stdout_pipe().get()), "ready");
  hanging.send_signal(SIGTERM);
  EXPECT_EQ(hanging.wait_for(20ms), std::nullopt);
  hanging.kill();
  EXPECT_EQ(hanging.wait().signal(), SIGKILL);
}

TEST_P(signalling, sends_any_signal)
{
  child trapping = start({"trap", "10", "12"});
  EXPECT_EQ(read_line(trapping.stdout_pipe().get()), "ready");
  trapping.send_signal(0);
  trapping.send_signal(12);
  EXPECT_EQ(trapping.wait().code(), 112);
}

TEST_P(signalling, with_no_such_signal_is_an_invalid_argument)
{
  child hanging = start({"hang"});
  std::error_code ec;
  for (const int number : {-1, 999}) {
    hanging.send_signal(number, ec = {});
    EXPECT_EQ(ec, std::errc::invalid_argument);
  }
  EXPECT_EQ(hanging.try_wait(), std::nullopt);
  hanging.kill(ec);
  EXPECT_FALSE(ec);
  EXPECT_EQ(end_of(hanging).signal(), SIGKILL);
}

TEST_P(signalling, of_a_zombie_is_no_error)
{
  child over = ended({"exit", "5"});
  EXPECT_NO_THROW(over.kill());
  EXPECT_EQ(over.wait().code(), 5);
}

TEST_P(signalling, is_refused_once_the_child_was_reaped)
{
  for (const bool with_limit : {false, true}) {
    child over = start({"exit", "0"});
    with_limit ? void(end_of(over)) : void(over.wait());
    std::error_code ec;
    over.kill(ec);
    EXPECT_EQ(ec, std::errc::invalid_argument);
    over.send_signal(0, ec = {});
    EXPECT_EQ(ec, std::errc::invalid_argument);
    EXPECT_THROW(over.kill(), std::system_error);
    EXPECT_TRUE(over.wait().success());
  }
}

TEST_P(signalling, ends_the_wait_of_another_thread)
{
  for (int i = 0; i < 10; ++i) {
    child hanging = start({"hang"});
    exit_status status;
    std::thread waiter([&] { status = hanging.wait(); });
    hanging.kill();
    waiter.join();
    EXPECT_EQ(status.signal(), SIGKILL);
    std::error_code ec;
    hanging.kill(ec);
    EXPECT_EQ(ec, std::errc::invalid_argument);
  }
}

TEST_P(signalling, ends_the_waits_of_several_threads)
{
  child hanging = start({"hang"});
  exit_status statuses[3];
  std::thread waiters[3];
  for (int i = 0; i < 3; ++i)
    waiters[i] = std::thread([&, i] {
      if (const auto status = i == 0 ? std::nullopt : hanging.wait_for(patience))
        statuses[i] = *status;
      else
        statuses[i] = hanging.wait();
    });
  hanging.kill();
  for (std::thread& waiter : waiters)
    waiter.join();
  for (const exit_status& status : statuses)
    EXPECT_EQ(status.signal(), SIGKILL);
}

TEST_P(signalling, of_another_users_process_is_refused)
{
  if (::geteuid() != 0)
    GTEST_SKIP() << "needs root";
  isolated([&] {
    child hanging = start({"hang"});
    ASSERT_EQ(::setresuid(65534, 65534, 0), 0);
    std::error_code ec;
    hanging.kill(ec);
    EXPECT_EQ(ec, std::errc::operation_not_permitted);
    ASSERT_EQ(::setresuid(0, 0, 0), 0);
    hanging.kill(ec);
    EXPECT_FALSE(ec);
    EXPECT_EQ(end_of(hanging).signal(), SIGKILL);
  });
}

using losing = waiting;
SUBPROCESS_FOR_EACH_LAUNCHER(losing);

void expect_lost(child& lost)
{
  std::error_code ec;
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(lost.wait(ec = {}), exit_status());
    EXPECT_EQ(ec, std::errc::no_child_process);
    EXPECT_EQ(lost.try_wait(ec = {}), std::nullopt);
    EXPECT_EQ(ec, std::errc::no_child_process);
    EXPECT_EQ(lost.wait_for(1h, ec = {}), std::nullopt);
    EXPECT_EQ(ec, std::errc::no_child_process);
    lost.kill(ec = {});
    EXPECT_EQ(ec, std::errc::invalid_argument);
    EXPECT_THROW(lost.wait(), std::system_error);
  }
}

TEST_P(losing, a_child_to_other_code_is_no_child_process)
{
  child stolen = start({"exit", "3"});
  ASSERT_EQ(::waitpid(stolen.id(), nullptr, 0), stolen.id());
  expect_lost(stolen);
}

TEST_P(losing, a_child_is_noticed_by_a_signal_too)
{
  child stolen = start({"exit", "3"});
  ASSERT_EQ(::waitpid(stolen.id(), nullptr, 0), stolen.id());
  std::error_code ec;
  stolen.kill(ec);
  EXPECT_EQ(ec, std::errc::invalid_argument);
  expect_lost(stolen);
}

TEST_P(losing, a_child_is_noticed_by_a_signal_to_its_group_too)
{
  child stolen = spawn(helper({"exit", "3"}).process_group());
  ASSERT_EQ(::waitpid(stolen.id(), nullptr, 0), stolen.id());
  std::error_code ec;
  stolen.kill_group(SIGTERM, ec);
  EXPECT_EQ(ec, std::errc::invalid_argument);
  expect_lost(stolen);
}

TEST_P(losing, a_child_while_waiting_for_it_ends_the_wait)
{
  child stolen = start({"cat"});
  std::error_code by_wait;
  std::error_code by_limit;
  unique_fd input(stolen.stdin_pipe().release());
  std::thread first([&] { stolen.wait(by_wait); });
  std::thread second([&] { stolen.wait_for(1h, by_limit); });
  std::thread thief([&] { ::waitpid(stolen.id(), nullptr, 0); });
  input.reset();
  thief.join();
  first.join();
  second.join();
  // Three wait for one status; whoever comes first has it, and none may hang.
  for (const std::error_code& ec : {by_wait, by_limit})
    EXPECT_TRUE(!ec || ec == std::errc::no_child_process) << ec.message();
}

TEST_P(losing, all_children_to_an_ignored_SIGCHLD_is_no_child_process)
{
  isolated([&] {
    std::signal(SIGCHLD, SIG_IGN);
    child unwaited = start({"cat"});
    unwaited.stdin_pipe().reset();
    std::error_code ec;
    EXPECT_EQ(unwaited.wait(ec), exit_status());
    EXPECT_EQ(ec, std::errc::no_child_process);
    expect_lost(unwaited);

    child limited = start({"cat"});
    limited.stdin_pipe().reset();
    EXPECT_EQ(limited.wait_for(patience, ec = {}), std::nullopt);
    EXPECT_EQ(ec, std::errc::no_child_process);

    EXPECT_EQ(run(helper({"exit", "3"}), ec = {}), exit_status());
    EXPECT_EQ(ec, std::errc::no_child_process);
    const captured_output output = capture(helper({"echo", "kept"}), ec = {});
    EXPECT_EQ(output.out, "kept\n");
    EXPECT_EQ(output.status, exit_status());
    EXPECT_EQ(ec, std::errc::no_child_process);
    EXPECT_EQ(failure_of(program("/nonexistent")).code.value(), ENOENT);
  });
}

// A debugger has its child stop at the exec, and at each signal.
class traced_child : public baseline {
protected:
  /// It has stopped, and nobody has been told.
  static child start()
  {
    command what = helper({"hang"});
    what.pre_exec([] {
      return ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == -1 ? std::error_code(errno, std::system_category())
                                                                 : std::error_code();
    });
    child traced = spawn(what);
    siginfo_t stop{};
    EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(traced.id()), &stop, WEXITED | WNOWAIT), 0);
    EXPECT_EQ(stop.si_code, CLD_TRAPPED);
    return traced;
  }
};

TEST_F(traced_child, of_this_program_has_not_ended_when_it_stops)
{
  child traced = start();
  EXPECT_EQ(traced.try_wait(), std::nullopt);
  EXPECT_EQ(traced.wait_for(1ms), std::nullopt);
  const std::clock_t cpu = std::clock();
  std::thread killer([&] {
    EXPECT_FALSE(eventually([] { return false; }, 200ms)); // Lets the wait go on for a while.
    std::error_code ec;
    traced.kill(ec);
    EXPECT_FALSE(ec) << ec.message();
  });
  EXPECT_EQ(traced.wait().signal(), SIGKILL);
  killer.join();
  EXPECT_LT(std::clock() - cpu, CLOCKS_PER_SEC / 10) << "a busy loop";
}

TEST_F(traced_child, has_its_stops_left_to_its_tracer)
{
  child traced = start();
  EXPECT_EQ(traced.wait_for(10ms), std::nullopt);
  int status = 0;
  EXPECT_EQ(::waitpid(traced.id(), &status, 0), traced.id());
  EXPECT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
  traced.kill();
  EXPECT_EQ(traced.wait().signal(), SIGKILL);
}

} // namespace
} // namespace subprocess::tests
