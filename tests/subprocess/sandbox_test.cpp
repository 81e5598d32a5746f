// What the Linux build promises beyond the portable one: above all that a kernel
// or a sandbox without the newer system calls gets the fall-backs.

#include <subprocess/spawn.hpp>

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>
#include <vector>

#include "support/deadline.hpp"
#include "support/hostile_hooks.hpp"
#include "support/isolated.hpp"
#include "support/launchers.hpp"
#include "support/pipes.hpp"
#include "support/programs.hpp"
#include "support/sandbox.hpp"

namespace subprocess::tests {
namespace {

class sandboxed : public baseline, public ::testing::WithParamInterface<int> {
protected:
  /// Runs `body` where these calls fail with the error of the test.
  template <class Body>
  void without(std::initializer_list<long> calls, Body body) const
  {
    isolated([&] {
      if (!refuse_calls(calls, GetParam()))
        return; // The kernel has no filters; nothing to see.
      EXPECT_EQ(::syscall(*calls.begin(), -1, 0, 0, 0, 0, 0), -1);
      EXPECT_EQ(errno, GetParam());
      body();
    });
  }

  static std::string output_of(const command& what)
  {
    std::error_code ec;
    const captured_output output = capture(what, ec);
    EXPECT_FALSE(ec) << ec.message();
    EXPECT_TRUE(output.status.success()) << output.status << output.err;
    return output.out;
  }
};
INSTANTIATE_TEST_SUITE_P(error, sandboxed, ::testing::Values(ENOSYS, EPERM),
                         [](const auto& error) { return std::string(error.param == ENOSYS ? "ENOSYS" : "EPERM"); });

TEST_P(sandboxed, without_close_range_no_descriptor_leaks)
{
  const unique_fd a = pipe_with("A", 30);
  const unique_fd leaky[] = {inheritable_copy(a.get(), 3), inheritable_copy(a.get(), 64),
                             inheritable_copy(a.get(), 600)};
  std::vector<unique_fd> many; // More than one look into /proc gives.
  for (int i = 0; i < 200; ++i)
    many.push_back(inheritable_copy(a.get(), 100));
  without({SYS_close_range}, [&] {
    EXPECT_EQ(output_of(helper({"fds"})), "0\n1\n2\n");
    EXPECT_EQ(output_of(helper({"fds"}).map_fd(a.get(), 5).map_fd(a.get(), 150)), "0\n1\n2\n5\n150\n");
  });
}

TEST_P(sandboxed, without_close_range_and_proc_no_descriptor_leaks)
{
  const unique_fd a = pipe_with("A", 30);
  const unique_fd leaky[] = {inheritable_copy(a.get(), 3), inheritable_copy(a.get(), 600)};
  // The program itself could not start without openat(); this one needs none.
  without({SYS_close_range, SYS_getdents64}, [&] {
    EXPECT_EQ(output_of(helper({"fd-kinds", "3", "600", "7"}).map_fd(a.get(), 7)), "closed\nclosed\npipe\n");
  });
}

// It shares our table for a moment. Where it may not leave that, the first child finds
// it out.
TEST_P(sandboxed, a_child_that_takes_no_descriptor_gets_none_on_any_road)
{
  const unique_fd a = pipe_with("A", 30);
  const unique_fd leaky[] = {inheritable_copy(a.get(), 3), inheritable_copy(a.get(), 64)};
  const scratch_directory scratch;
  const std::string told = scratch / "told";
  const auto run_twice = [&] {
    for (int i = 0; i < 2; ++i) {
      std::error_code ec;
      const command what = helper({"fds"}).stdin_from(stdio::null()).stdout_to(stdio::write_file(told));
      EXPECT_TRUE(run(what, ec).success()) << ec.message();
      EXPECT_EQ(content_of(told), "0\n1\n2\n");
      EXPECT_EQ(run(command("/nonexistent"), ec), exit_status());
      EXPECT_EQ(ec, std::errc::no_such_file_or_directory);
    }
  };
  without({SYS_unshare}, run_twice);
  without({SYS_close_range}, run_twice);
  without({SYS_close_range, SYS_unshare}, run_twice);
}

TEST_P(sandboxed, without_clone3_children_are_made)
{
  without({SYS_clone3}, [&] {
    child started = spawn(helper({"exit", "3"}));
    EXPECT_EQ(started.launcher_used(), launcher::fork);
    EXPECT_EQ(end_of(started).code(), 3);
    spawn_failure failure;
    spawn(command("/nonexistent"), failure);
    EXPECT_EQ(failure.code.value(), ENOENT);
    EXPECT_EQ(failure.step, spawn_step::exec);
  });
}

TEST_P(sandboxed, without_clone3_the_clone_launcher_is_an_error_when_asked_for)
{
  without({SYS_clone3}, [&] {
    spawn_failure failure;
    child none = spawn(helper({"exit", "0"}).use_launcher(launcher::clone), failure);
    EXPECT_EQ(none.id(), -1);
    EXPECT_EQ(failure.step, spawn_step::fork);
  });
}

TEST_P(sandboxed, without_pidfds_waits_have_their_limits)
{
  without({SYS_pidfd_open, SYS_clone3}, [&] {
    child cat = spawn(helper({"cat"}).stdin_from(stdio::pipe()));
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(cat.wait_for(std::chrono::milliseconds(100)), std::nullopt);
    EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(100));
    cat.stdin_pipe().reset();
    const auto status = cat.wait_for(patience);
    ASSERT_TRUE(status);
    EXPECT_TRUE(status->success());

    child hanging = spawn(helper({"hang"}));
    hanging.kill();
    EXPECT_EQ(hanging.wait().signal(), SIGKILL);
  });
}

TEST_P(sandboxed, without_pidfd_send_signal_signals_are_sent)
{
  without({SYS_pidfd_send_signal}, [&] {
    child hanging = spawn(helper({"hang"}));
    EXPECT_EQ(hanging.wait_for(std::chrono::milliseconds(1)), std::nullopt); // Opens a pidfd.
    std::error_code ec;
    hanging.kill(ec);
    EXPECT_FALSE(ec) << ec.message();
    if (ec)
      ::kill(hanging.id(), SIGKILL);
    EXPECT_EQ(hanging.wait().signal(), SIGKILL);
  });
}

TEST_P(sandboxed, without_waitid_children_are_waited_for)
{
  without({SYS_waitid}, [&] {
    EXPECT_EQ(run(helper({"exit", "3"})).code(), 3);
    child cat = spawn(helper({"cat"}).stdin_from(stdio::pipe()).process_group());
    std::error_code ec;
    cat.wait_change(ec);
    EXPECT_EQ(ec.value(), GetParam());
    EXPECT_EQ(cat.stop(stop_sequence::gentle().of_group()).signal(), SIGTERM);
  });
}

TEST_P(sandboxed, without_waitid_a_wait_does_not_spin)
{
  for (const bool with_pidfds : {true, false})
    without({SYS_waitid, with_pidfds ? SYS_waitid : SYS_pidfd_open}, [&] {
      const std::clock_t before = std::clock();
      const launcher which = with_pidfds ? launcher::automatic : launcher::fork;
      EXPECT_TRUE(run(command("sleep", {"0.3"}).use_launcher(which)).success());
      EXPECT_LT(std::clock() - before, CLOCKS_PER_SEC / 10);
    });
}

// The pipe is all that tells of an exec then, as in the portable build.
TEST_P(sandboxed, without_robust_futexes_no_hook_makes_a_success_of_a_failure)
{
  without({SYS_set_robust_list}, [&] {
    for (const hostile_hook& hook : hostile_hooks()) {
      SCOPED_TRACE(hook.name);
      command missing("/nonexistent");
      command fine = helper({"exit", "0"});
      for (command* const what : {&missing, &fine})
        what->stdin_from(stdio::null()).stdout_to(stdio::null()).stderr_to(stdio::null()).pre_exec(hook.run);
      std::error_code ec;
      run(missing, ec);
      EXPECT_TRUE(ec);
      EXPECT_TRUE(run(fine, ec).success() || ec);
      EXPECT_EQ(ec.value(), hook.leaves_descriptors ? 0 : EBADF) << ec.message();
    }
  });
}

TEST_P(sandboxed, without_any_call_that_waits_a_child_counts_as_lost)
{
  without({SYS_waitid, SYS_wait4}, [&] {
    child started = spawn(helper({"exit", "0"}));
    std::error_code ec;
    started.wait(ec);
    EXPECT_EQ(ec, std::errc::no_child_process);
  });
}

TEST_P(sandboxed, without_close_range_no_descriptor_leaks_past_a_hook)
{
  const unique_fd a = pipe_with("A", 30);
  const unique_fd leaky = inheritable_copy(a.get(), 50);
  without({SYS_close_range},
          [] { EXPECT_EQ(output_of(helper({"fds"}).pre_exec([] { return std::error_code(); })), "0\n1\n2\n"); });
}

TEST_P(sandboxed, without_calls_for_less_privilege_there_is_no_program)
{
  if (::geteuid() != 0)
    GTEST_SKIP() << "needs root, to have something to lose";
  const auto expect_failure = [&](const command& what, spawn_step step, std::string_view detail) {
    spawn_failure failure;
    spawn(what, failure);
    EXPECT_EQ(failure.code.value(), GetParam()) << failure.context();
    EXPECT_EQ(failure.step, step);
    EXPECT_EQ(failure.detail, detail);
  };
  without({SYS_prctl}, [&] {
    expect_failure(helper({"exit", "0"}).no_new_privs(), spawn_step::no_new_privs, "");
    expect_failure(helper({"exit", "0"}).uid(65534).ambient_capabilities({10}), spawn_step::capabilities, "10");
  });
  const bool has_namespaces = in_copy([] { ::_exit(::unshare(CLONE_NEWNS) == -1); }).success();
  without({SYS_mount}, [&] {
    if (has_namespaces)
      expect_failure(helper({"exit", "0"}).namespaces({new_namespace::mount}), spawn_step::namespaces,
                     "private mounts");
  });
}

TEST_P(sandboxed, without_any_of_them_everything_works)
{
  const unique_fd a = pipe_with("A", 30);
  const unique_fd leaky = inheritable_copy(a.get(), 50);
  without({SYS_close_range, SYS_clone3, SYS_pidfd_open, SYS_pidfd_send_signal}, [&] {
    EXPECT_EQ(output_of(helper({"fds"}).map_fd(a.get(), 7)), "0\n1\n2\n7\n");
    EXPECT_EQ(output_of(helper({"fd-read", "7"}).map_fd(a.get(), 7)), "A");
    EXPECT_EQ(capture(helper({"exit", "3"})).status.code(), 3);
  });
}

using beyond_the_limit = per_launcher;
SUBPROCESS_FOR_EACH_LAUNCHER(beyond_the_limit);

TEST_P(beyond_the_limit, descriptors_do_not_leak)
{
  isolated([&] {
    const unique_fd high = inheritable_copy(1, 400);
    rlimit limit;
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 100; // Lowered since; the high one stays open.
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    EXPECT_EQ(output_of({"fds"}), "0\n1\n2\n");
  });
}

} // namespace
} // namespace subprocess::tests
