// Kernels and sandboxes that refuse the newer system calls, and moments in which there
// is no descriptor, no memory or no process to be had: the first change nothing but the
// road that a launch takes, the second decide nothing for good.

#include <subprocess/spawn.hpp>

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <subprocess/pipeline.hpp>

#include "support/baseline.hpp"
#include "support/deadline.hpp"
#include "support/descriptor_table.hpp"
#include "support/fresh_program.hpp"
#include "support/isolated.hpp"
#include "support/launchers.hpp"
#include "support/pipes.hpp"
#include "support/refused_calls.hpp"
#include "support/sandbox.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

// What every program relies on.

void expect_output(const command& what, const std::string& expected, const capture_options& options = {})
{
  std::error_code ec;
  const captured_output output = capture(what, options, ec);
  EXPECT_FALSE(ec) << to_string(what) << ": " << ec.message();
  EXPECT_TRUE(ec || output.status.success()) << to_string(what) << ": " << output.status << " " << output.err;
  EXPECT_EQ(output.out, expected) << to_string(what);
}

void expect_descriptors_to_work(launcher which)
{
  const unique_fd a = pipe_with("A", 70);
  const unique_fd b = pipe_with("B", 71);
  const unique_fd leaky = inheritable_copy(a.get(), 50);
  const auto asked = [&](std::initializer_list<std::string_view> verb) { return helper(verb).use_launcher(which); };
  expect_output(asked({"fds"}).map_fd(a.get(), 7), "0\n1\n2\n7\n");
  const std::string to_a = std::to_string(b.get());
  const std::string to_b = std::to_string(a.get());
  expect_output(asked({"fd-read", to_a, to_b}).map_fd(a.get(), b.get()).map_fd(b.get(), a.get()), "AB");
}

void expect_streams_to_work(launcher which)
{
  const auto asked = [&](std::initializer_list<std::string_view> verb) { return helper(verb).use_launcher(which); };
  expect_output(asked({"echo", "hello"}), "hello\n");
  expect_output(asked({"cat"}).stdin_from(stdio::from_string("given")), "given");
  expect_output(asked({"cat"}), "given", {.input = "given"});
  std::error_code ec;
  EXPECT_EQ(capture(asked({"echo", "hello"}) | asked({"cat"}), {}, ec).out, "hello\n");
  EXPECT_FALSE(ec) << "pipeline: " << ec.message();
}

void expect_ends_to_work(launcher which)
{
  const auto asked = [&](std::initializer_list<std::string_view> verb) { return helper(verb).use_launcher(which); };
  std::error_code ec;
  EXPECT_EQ(run(asked({"exit", "3"}), ec).code(), 3) << ec.message();
  child hanging = spawn(asked({"hang"}), ec);
  ASSERT_FALSE(ec) << ec.message();
  EXPECT_EQ(hanging.wait_for(1ms, ec), std::nullopt);
  EXPECT_FALSE(ec) << "wait_for: " << ec.message();
  hanging.kill(ec);
  EXPECT_FALSE(ec) << "kill: " << ec.message();
  if (ec)
    ::kill(hanging.id(), SIGKILL);
  EXPECT_EQ(hanging.wait(ec).signal(), SIGKILL) << ec.message();
  run(asked({"hang"}), {.limit = 10ms}, ec);
  EXPECT_EQ(ec, std::errc::timed_out) << ec.message();
  run(command("/nonexistent").use_launcher(which), ec);
  EXPECT_EQ(ec.value(), ENOENT) << ec.message();
}

void expect_all_to_work()
{
  for (const launcher which : {launcher::automatic, launcher::fork}) {
    SCOPED_TRACE(which == launcher::fork ? "by fork" : "by what there is");
    expect_descriptors_to_work(which);
    expect_streams_to_work(which);
    expect_ends_to_work(which);
  }
}

class fallback : public baseline, public ::testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(error, fallback, ::testing::Values(ENOSYS, EPERM),
                         [](const auto& error) { return std::string(error.param == ENOSYS ? "ENOSYS" : "EPERM"); });

TEST_P(fallback, is_there_for_each_call_alone_and_for_all_together)
{
  for_each_refusal(refused_alone_and_together(), GetParam(), [](const refused_calls&) { expect_all_to_work(); });
}

TEST_P(fallback, is_there_for_every_two_calls)
{
  for_each_refusal(refused_in_pairs(), GetParam(), [](const refused_calls&) { expect_all_to_work(); });
}

// Nothing but looking now and then tells of it.
TEST_P(fallback, of_pidfds_notices_the_end_of_a_child_whose_streams_others_hold)
{
  const std::vector<refused_calls> sets = {{{SYS_clone3, SYS_pidfd_open}, "clone3 and pidfd_open"}};
  for_each_refusal(sets, GetParam(), [](const refused_calls&) {
    std::error_code ec;
    const captured_output output = capture(helper({"spawn-grandchild-that-hangs"}), {.drain_grace = 0ms}, ec);
    EXPECT_FALSE(ec) << ec.message();
    EXPECT_TRUE(output.left_open);
    const pid_t grandchild = std::atoi(output.out.c_str());
    ASSERT_GT(grandchild, 0) << output.out;
    ::kill(grandchild, SIGKILL);
  });
}

// What is for this moment only.

launcher used_now()
{
  std::error_code ec;
  child started = spawn(helper({"exit", "0"}), ec);
  EXPECT_FALSE(ec) << ec.message();
  const launcher used = started.launcher_used();
  if (!ec)
    end_of(started);
  return used;
}

/// Whether there is another than fork here.
bool clone_works()
{
  return !why_unavailable(launcher::clone);
}

// No fixture: it would launch before the test does.
TEST(transient_lack, of_descriptors_at_the_first_launch_decides_nothing)
{
  constexpr const char* how_many = "SUBPROCESS_TEST_FREE_DESCRIPTORS";
  constexpr const char* usual = "SUBPROCESS_TEST_USUAL_LAUNCHER"; // Of a process that lacks nothing.
  for (int free = 0; free < 8; ++free) {
    const bool done = tried_in_fresh_program([&] {
      ::setenv(how_many, std::to_string(free).c_str(), 1);
      ::setenv(usual, clone_works() ? "clone" : "fork", 1);
    });
    if (done)
      continue;
    const rlimit few{128, 128};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    std::vector<unique_fd> all = take_all_descriptors();
    all.resize(all.size() - static_cast<std::size_t>(std::atoi(std::getenv(how_many))));
    std::error_code ec;
    capture(helper({"echo", "hello"}), ec);
    EXPECT_TRUE(!ec || ec.value() == EMFILE) << ec.message();
    child waited = spawn(helper({"exit", "0"}), ec);
    EXPECT_TRUE(!ec || ec.value() == EMFILE) << ec.message();
    if (!ec)
      waited.wait_for(patience, ec);

    all.clear();
    EXPECT_EQ(used_now(), std::getenv(usual) == std::string("clone") ? launcher::clone : launcher::fork);
    expect_streams_to_work(launcher::automatic);
    expect_descriptors_to_work(launcher::automatic);
    EXPECT_FALSE(has_children());
    return;
  }
}

// It needs a pipe more than the road that is refused.
TEST(transient_lack, of_descriptors_for_the_second_road_is_told_of_the_pipe)
{
  if (tried_in_fresh_program())
    return;
  if (!refuse_calls({SYS_clone3}, ENOSYS))
    GTEST_SKIP() << "no filters in this kernel";
  rlimit few{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &few), 0);
  few.rlim_cur = 128;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  std::vector<unique_fd> all = take_all_descriptors();
  spawn_failure failure;
  EXPECT_EQ(spawn(helper({"exit", "0"}), failure).id(), -1);
  EXPECT_EQ(failure.step, spawn_step::pipe);
  EXPECT_EQ(failure.code, std::error_code(EMFILE, std::system_category()));
}

TEST(transient_lack, of_processes_at_the_first_launch_decides_nothing)
{
  if (::geteuid() != 0)
    GTEST_SKIP() << "needs root, to become one who may have none";
  if (tried_in_fresh_program())
    return;
  constexpr uid_t nobodys = 64332;
  rlimit before;
  ::getrlimit(RLIMIT_NPROC, &before);
  const rlimit none{0, before.rlim_max};
  const scratch_directory scratch;
  const std::string tool = scratch.helper_as("tool");
  ASSERT_EQ(::setgroups(0, nullptr), 0);
  ASSERT_EQ(::setgid(nobodys), 0);
  ASSERT_EQ(::setuid(nobodys), 0);
  ASSERT_EQ(::setrlimit(RLIMIT_NPROC, &none), 0);
  std::error_code ec;
  run(command(tool, {"exit", "0"}), ec);
  EXPECT_EQ(ec.value(), EAGAIN) << ec.message();
  ::setrlimit(RLIMIT_NPROC, &before);
  child started = spawn(command(tool, {"exit", "0"}));
  spawn_failure failure;
  child cloned = spawn(command(tool, {"exit", "0"}).use_launcher(launcher::clone), failure);
  if (!failure) {
    EXPECT_EQ(started.launcher_used(), launcher::clone);
    end_of(cloned);
  }
  EXPECT_TRUE(end_of(started).success());
}

// The kernel would say EINVAL of a stack that is not there, as it does of a call that it
// does not have.
TEST(transient_lack, of_memory_for_the_childs_stack_decides_nothing)
{
  if (tried_in_fresh_program())
    return;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_AS, &before), 0);
  const command what = helper({"exit", "3"});
  const command by_fork = helper({"exit", "3"}).use_launcher(launcher::fork);
  rlimit none = before;
  none.rlim_cur = 1;
  // What a launch allocates is there, however large the environment is: blocks below one
  // that stays are not given back to the kernel.
  std::vector<std::unique_ptr<char[]>> blocks;
  for (int number = 0; number < 2000; ++number)
    blocks.push_back(std::make_unique<char[]>(2000));
  blocks.erase(blocks.begin(), blocks.end() - 1);
  for (const command* one : {&what, &by_fork}) {
    ASSERT_EQ(::setrlimit(RLIMIT_AS, &none), 0);
    spawn_failure failure;
    const child refused = spawn(*one, failure);
    ASSERT_EQ(::setrlimit(RLIMIT_AS, &before), 0);
    EXPECT_EQ(failure.code, std::errc::not_enough_memory) << failure.code.message();
    EXPECT_EQ(refused.id(), -1);
  }

  child next = spawn(what);
  EXPECT_EQ(next.launcher_used() == launcher::clone, clone_works());
  EXPECT_EQ(end_of(next).code(), 3);
}

class rejected_command : public baseline {
protected:
  void SetUp() override
  {
    baseline::SetUp();
    if (!clone_works())
      GTEST_SKIP() << "no launcher but fork";
  }

  /// Launches it; the next one takes the road it would have taken without it.
  static void expect_no_consequence(const command& bad)
  {
    isolated([&] {
      for (const launcher which : {launcher::automatic, launcher::clone}) {
        std::error_code ec;
        child started = spawn(command(bad).use_launcher(which), ec);
        if (!ec)
          end_of(started);
        EXPECT_EQ(used_now(), launcher::clone) << to_string(bad) << ": " << ec.message();
      }
    });
  }
};

TEST_F(rejected_command, leaves_the_launcher_of_others_alone)
{
  const scratch_directory scratch;
  const unique_fd no_cgroup(::open(scratch.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  expect_no_consequence(helper({"exit", "0"}).map_fd(0, INT_MAX));
  expect_no_consequence(helper({"exit", "0"}).map_fd(0, 30000));
  expect_no_consequence(helper({"exit", "0"}).map_fd(9999, 20));
  expect_no_consequence(helper({"exit", "0"}).cgroup(no_cgroup.get()));
  expect_no_consequence(helper({"exit", "0"}).cgroup(9999));
  expect_no_consequence(helper({"exit", "0"}).cgroup(scratch.path()));
  expect_no_consequence(helper({"exit", "0"}).process_group(1));
  expect_no_consequence(helper({"exit", "0"}).rlimit(INT_MAX, 0, 0));
  expect_no_consequence(helper({"exit", "0"}).scheduling(INT_MAX));
  expect_no_consequence(helper({"exit", "0"}).foreground(0));
  expect_no_consequence(command("/proc/self/mem"));
  expect_no_consequence(command("/"));
}

TEST_F(rejected_command, with_descriptors_at_the_edge_leaves_the_launcher_of_others_alone)
{
  rlimit number;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &number), 0);
  const int limit = static_cast<int>(std::min<rlim_t>(number.rlim_cur, INT_MAX));
  const unique_fd last(::dup3(0, limit - 1, O_CLOEXEC));
  const unique_fd other(::fcntl(0, F_DUPFD_CLOEXEC, 20));
  for (int target = limit - 2; target < limit + 2; ++target)
    expect_no_consequence(helper({"exit", "0"}).map_fd(other.get(), target).map_fd(last.get(), other.get()));
}

TEST_F(rejected_command, for_lack_of_rights_leaves_the_launcher_of_others_alone)
{
  if (::geteuid() != 0)
    GTEST_SKIP() << "needs root, to give it up";
  const scratch_directory scratch;
  const std::string tool = scratch.helper_as("tool");
  const command bad[] = {
      command(tool, {"exit", "0"}).uid(0),
      command(tool, {"exit", "0"}).gid(0),
      command(tool, {"exit", "0"}).groups({0}),
      command(tool, {"exit", "0"}).nice(-20),
      command(tool, {"exit", "0"}).chroot("/"),
      command(tool, {"exit", "0"}).namespaces({new_namespace::net}),
      command(tool, {"exit", "0"}).namespaces({new_namespace::pid}),
      command(tool, {"exit", "0"}).scheduling(SCHED_FIFO, 1),
  };
  isolated([&] {
    ASSERT_EQ(::setgroups(0, nullptr), 0);
    ASSERT_EQ(::setgid(64333), 0);
    ASSERT_EQ(::setuid(64333), 0);
    for (const command& one : bad) {
      std::error_code ec;
      run(one, ec);
      child next = spawn(command(tool, {"exit", "0"}), ec);
      ASSERT_FALSE(ec) << ec.message();
      EXPECT_EQ(next.launcher_used(), launcher::clone);
      end_of(next);
    }
  });
}

} // namespace
} // namespace subprocess::tests
