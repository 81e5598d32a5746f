// Options that only Linux has. Built with the portable files, the library has
// none of them, and says so.

#include <subprocess/spawn.hpp>

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>

#include "support/deadline.hpp"
#include "support/isolated.hpp"
#include "support/launchers.hpp"
#include "support/pipes.hpp"

namespace subprocess::tests {
namespace {

class linux_options : public per_launcher {
protected:
  void SetUp() override
  {
    per_launcher::SetUp();
#ifndef SUBPROCESS_LINUX_OPTIONS
    GTEST_SKIP() << "built for POSIX";
#endif
    if (!IsSkipped() && ::geteuid() != 0)
      GTEST_SKIP() << "needs root";
  }

  void expect_failure(const command& what, spawn_step step, int error, std::string_view detail) const
  {
    const spawn_failure failure = failure_of(what);
    EXPECT_EQ(failure.step, step);
    EXPECT_EQ(failure.code, std::error_code(error, std::system_category()));
    EXPECT_EQ(failure.detail, detail);
  }

  command status() const { return program(tool, {"read", "/proc/self/status"}); }

  std::string field(const command& what, const std::string& name) const
  {
    const std::string text = "\n" + output_of(what);
    const std::size_t at = text.find("\n" + name + ":\t");
    if (at == std::string::npos)
      return "no " + name;
    const std::size_t start = at + name.size() + 3;
    return text.substr(start, text.find('\n', start) - start);
  }

  static void become_somebody()
  {
    ASSERT_EQ(::setgid(64322), 0);
    ASSERT_EQ(::setuid(64321), 0);
    ::prctl(PR_SET_DUMPABLE, 1); // So that /proc/self stays ours.
  }

  scratch_directory scratch;
  const std::string tool = scratch.helper_as("tool");
};
SUBPROCESS_FOR_EACH_ROAD(linux_options);

TEST_P(linux_options, cpu_affinity_binds_to_processors)
{
  cpu_set_t own;
  ASSERT_EQ(::sched_getaffinity(0, sizeof own, &own), 0);
  int last = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &own))
      last = cpu;
  EXPECT_EQ(field(status().cpu_affinity({last}), "Cpus_allowed_list"), std::to_string(last));
  expect_failure(status().cpu_affinity({}), spawn_step::affinity, EINVAL, "");
  expect_failure(status().cpu_affinity({8000}), spawn_step::affinity, EINVAL, "8000");
  expect_failure(status().cpu_affinity({-1}), spawn_step::prepare, EINVAL, "affinity -1");
}

// The file that is written gets the lowest free number.
TEST_P(linux_options, oom_score_adj_is_set_also_where_a_standard_stream_is_closed)
{
  isolated([&] {
    ::close(0);
    EXPECT_EQ(output_of(program(tool, {"read", "/proc/self/oom_score_adj"}).oom_score_adj(321)), "321\n");
  });
}

TEST_P(linux_options, one_that_is_set_leaves_those_that_follow)
{
  EXPECT_EQ(output_of(helper({"umask"}).nice(1).umask(0137)), "0137\n");
  EXPECT_EQ(output_of(helper({"umask"}).scheduling(SCHED_BATCH).umask(0137)), "0137\n");
  cpu_set_t own;
  ASSERT_EQ(::sched_getaffinity(0, sizeof own, &own), 0);
  int processor = 0;
  while (!CPU_ISSET(processor, &own))
    ++processor;
  EXPECT_EQ(output_of(helper({"umask"}).cpu_affinity({processor}).umask(0137)), "0137\n");
}

TEST_P(linux_options, a_cgroup_that_is_not_there_is_an_error)
{
  expect_failure(helper({"exit", "0"}).cgroup(std::filesystem::path("/no/such/cgroup")), spawn_step::cgroup, ENOENT,
                 "\"/no/such/cgroup\"");
}

TEST_P(linux_options, no_new_privs_is_set)
{
  EXPECT_EQ(field(status(), "NoNewPrivs"), "0");
  EXPECT_EQ(field(status().no_new_privs(), "NoNewPrivs"), "1");
  EXPECT_EQ(::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
}

TEST_P(linux_options, oom_score_adj_is_the_childs_alone)
{
  const std::string own = content_of("/proc/self/oom_score_adj");
  const command what = program(tool, {"read", "/proc/self/oom_score_adj"});
  EXPECT_EQ(output_of(command(what).oom_score_adj(321)), "321\n");
  EXPECT_EQ(output_of(command(what).oom_score_adj(7).uid(64321)), "7\n");
  EXPECT_EQ(content_of("/proc/self/oom_score_adj"), own);
  expect_failure(command(what).oom_score_adj(1001), spawn_step::oom_score_adj, EINVAL, "1001");
}

TEST_P(linux_options, ambient_capabilities_survive_the_change_of_user)
{
  constexpr const char* bind_service = "0000000000000400"; // Number 10.
  const command somebody = status().uid(64321).gid(64322);
  EXPECT_EQ(field(somebody, "CapEff"), "0000000000000000");
  const command bind = command(somebody).ambient_capabilities({CAP_NET_BIND_SERVICE});
  for (const char* set : {"CapEff", "CapPrm", "CapAmb", "CapInh"})
    EXPECT_EQ(field(bind, set), bind_service) << set;
  EXPECT_EQ(field(command(somebody).ambient_capabilities({0, 36}), "CapEff"), "0000001000000001");
  EXPECT_EQ(field(status().ambient_capabilities({CAP_NET_BIND_SERVICE}), "CapAmb"), bind_service);
}

TEST_P(linux_options, ambient_capabilities_that_are_not_ours_are_errors)
{
  isolated([&] {
    become_somebody();
    expect_failure(status().ambient_capabilities({CAP_CHOWN, CAP_KILL}), spawn_step::capabilities, EPERM, "0");
  });
  expect_failure(status().ambient_capabilities({63}), spawn_step::capabilities, EINVAL, "63");
  expect_failure(status().ambient_capabilities({64}), spawn_step::prepare, EINVAL, "capability 64");
}

TEST_P(linux_options, parent_death_signal_outlives_the_change_of_user)
{
  const command what = program(tool, {"parent-death-signal"});
  EXPECT_EQ(output_of(what), "0\n");
  EXPECT_EQ(output_of(command(what).parent_death_signal(SIGTERM)), "15\n");
  EXPECT_EQ(output_of(command(what).parent_death_signal(SIGTERM).uid(64321).gid(64322)), "15\n");
  expect_failure(command(what).parent_death_signal(99), spawn_step::parent_death_signal, EINVAL, "99");
}

TEST_P(linux_options, parent_death_signal_comes_when_the_spawning_thread_ends)
{
  child hanging;
  std::thread([&] { hanging = spawn(helper({"hang"}).parent_death_signal(SIGKILL)); }).join();
  EXPECT_EQ(end_of(hanging).signal(), SIGKILL);
}

TEST_P(linux_options, parent_death_signal_takes_no_other_pid_namespace_for_a_death)
{
  isolated([&] {
    if (::unshare(CLONE_NEWPID) == -1)
      return; // Not here.
    EXPECT_TRUE(run(helper({"exit", "0"}).parent_death_signal(SIGKILL)).success());
  });
}

TEST_P(linux_options, exec_in_place_has_the_parent_that_the_process_has)
{
  const exit_status status = in_copy([&] {
    exec(helper({"exit", "5"}).parent_death_signal(SIGKILL));
    ADD_FAILURE() << "came back";
  });
  EXPECT_EQ(status.code(), 5);
}

// It is the program, whose death it would die with.
TEST_P(linux_options, exec_in_place_dies_with_others_only_if_told)
{
  const auto signal_of = [](command what) {
    pipe_ends ends = make_pipe(60);
    what.stdout_to(stdio::from_fd(ends.write_end.get()));
    EXPECT_EQ(in_copy([&] { exec(what); }).code(), 0);
    ends.write_end.reset();
    return read_all(ends.read_end.get());
  };
  EXPECT_EQ(signal_of(helper({"parent-death-signal"}).die_with_program()), "0\n");
  EXPECT_EQ(signal_of(helper({"parent-death-signal"}).parent_death_signal(SIGTERM)), "15\n");
}

#ifndef SUBPROCESS_LINUX_OPTIONS
using portable_build = per_launcher;
SUBPROCESS_FOR_EACH_LAUNCHER(portable_build);

TEST_P(portable_build, says_at_which_step_it_lacks_an_option)
{
  const std::pair<spawn_step, command> lacking[] = {
      {spawn_step::affinity, helper({"exit", "0"}).cpu_affinity({0})},
      {spawn_step::no_new_privs, helper({"exit", "0"}).no_new_privs()},
      {spawn_step::oom_score_adj, helper({"exit", "0"}).oom_score_adj(5)},
      {spawn_step::capabilities, helper({"exit", "0"}).ambient_capabilities({1})},
      {spawn_step::parent_death_signal, helper({"exit", "0"}).parent_death_signal(15)},
      {spawn_step::die_with_program, helper({"exit", "0"}).die_with_program()},
      {spawn_step::cgroup, helper({"exit", "0"}).cgroup("/")},
      {spawn_step::namespaces, helper({"exit", "0"}).namespaces({new_namespace::uts})},
      {spawn_step::namespaces, helper({"exit", "0"}).namespaces({new_namespace::pid})},
      {spawn_step::namespaces, helper({"exit", "0"}).user_namespace()},
  };
  for (const auto& [step, what] : lacking) {
    const spawn_failure failure = failure_of(what);
    EXPECT_EQ(failure.step, step);
    EXPECT_EQ(failure.code, std::errc::operation_not_supported) << step;
  }
}
#endif

// The child may share the parent's memory, which the kernel marks when the user
// changes.
TEST_P(linux_options, leave_the_parent_as_dumpable_as_it_was)
{
  ASSERT_EQ(::prctl(PR_GET_DUMPABLE), 1);
  output_of(status().uid(64321));
  EXPECT_EQ(::prctl(PR_GET_DUMPABLE), 1) << "by uid";
  output_of(status().gid(64322));
  EXPECT_EQ(::prctl(PR_GET_DUMPABLE), 1) << "by gid";
  failure_of(program("/nonexistent").uid(64321));
  EXPECT_EQ(::prctl(PR_GET_DUMPABLE), 1) << "by a launch that failed";
}

} // namespace
} // namespace subprocess::tests
