#include <subprocess/detail/launch/launch_plan.hpp> // First: proves it stands alone.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/baseline.hpp"
#include "support/isolated.hpp"
#include "support/programs.hpp"

namespace subprocess::tests {
namespace {

using ::testing::ElementsAre;

class planning : public baseline {
protected:
  /// A plan that has to be good.
  class plan_of {
  public:
    explicit plan_of(const command& what) : plan(what, detail::stream_defaults::inherit(), failure)
    {
      EXPECT_FALSE(failure) << failure.context();
      failure = plan.open_ends();
      EXPECT_FALSE(failure) << failure.context();
      for_child = plan.for_child(moves);
    }

    spawn_failure failure;
    detail::launch_plan plan;
    std::vector<detail::fd_move> moves;
    detail::child_plan for_child;
  };

  static std::vector<std::string> strings(const char* const* list)
  {
    std::vector<std::string> result;
    for (; *list; ++list)
      result.emplace_back(*list);
    return result;
  }
};

TEST_F(planning, lays_out_the_arguments)
{
  const command what = command("prog", {"a", "", "b"}).arg0("zero").env_clear().env("K", "v").env("PATH", "/x:/y");
  plan_of good(what);
  const detail::child_plan& plan = good.for_child;
  EXPECT_THAT(strings(plan.argv), ElementsAre("zero", "a", "", "b"));
  EXPECT_THAT(strings(plan.envp), ElementsAre("K=v", "PATH=/x:/y"));
  EXPECT_THAT(strings(plan.candidates), ElementsAre("/x/prog", "/y/prog"));
}

TEST_F(planning, leaves_a_place_for_a_script)
{
  const command what("prog", {"a"});
  plan_of good(what);
  const char** const shell = good.for_child.shell_argv;
  EXPECT_STREQ(shell[0], "/bin/sh");
  shell[1] = "script";
  EXPECT_THAT(strings(shell), ElementsAre("/bin/sh", "script", "a"));
}

TEST_F(planning, asks_for_nothing_that_the_command_does_not)
{
  const command what("prog");
  plan_of good(what);
  const detail::child_plan& plan = good.for_child;
  EXPECT_FALSE(plan.new_session);
  EXPECT_EQ(plan.group, nullptr);
  EXPECT_FALSE(plan.set_groups);
  EXPECT_EQ(plan.gid, nullptr);
  EXPECT_EQ(plan.uid, nullptr);
  EXPECT_EQ(plan.directory, nullptr);
  EXPECT_EQ(plan.hook_count, 0u);
}

TEST_F(planning, every_descriptor_is_close_on_exec_and_above_the_standard_streams)
{
  isolated([] {
    for (const int stream : {0, 1, 2})
      ::close(stream);
    const std::set<int> before = open_descriptors();
    command what("prog");
    what.stdin_from(stdio::pipe()).stdout_to(stdio::socket()).stderr_to(stdio::pipe());
    plan_of good(what);
    std::set<int> made;
    std::ranges::set_difference(open_descriptors(), before, std::inserter(made, made.end()));
    EXPECT_EQ(made.size(), 6u);
    for (const int fd : made) {
      EXPECT_GE(fd, 3);
      EXPECT_EQ(::fcntl(fd, F_GETFD), FD_CLOEXEC) << fd;
    }
  });
}

TEST_F(planning, closes_the_childs_ends_when_told)
{
  const std::set<int> before = open_descriptors();
  command what("prog");
  what.stdin_from(stdio::pipe()).stdout_to(stdio::pipe()).stderr_to(stdio::null());
  plan_of good(what);
  good.plan.close_theirs();
  EXPECT_EQ(open_descriptors().size(), before.size() + 2);
  EXPECT_TRUE(good.plan.ours[0]);
  EXPECT_TRUE(good.plan.ours[1]);
  EXPECT_FALSE(good.plan.ours[2]);
}

TEST_F(planning, files_and_the_null_device_are_left_to_the_child)
{
  const std::set<int> before = open_descriptors();
  command what("prog");
  what.stdin_from(stdio::null()).stdout_to(stdio::read_file("/nonexistent")).stderr_to(stdio::null());
  plan_of good(what);
  EXPECT_EQ(open_descriptors(), before);
  ASSERT_EQ(good.for_child.made_count, 2u); // One null device for both.
  EXPECT_EQ(good.for_child.made[0].targets, 0b101u);
  EXPECT_STREQ(good.for_child.made[1].path, "/nonexistent");
}

TEST_F(planning, less_privilege_takes_a_memory_of_its_own)
{
  const auto needs_own_memory = [](const command& what) { return plan_of(what).plan.needs_own_memory(); };
  EXPECT_FALSE(needs_own_memory(command("prog").umask(0).nice(1).session_leader().no_new_privs()));
  EXPECT_TRUE(needs_own_memory(command("prog").uid(0)));
  EXPECT_TRUE(needs_own_memory(command("prog").gid(0)));
  EXPECT_TRUE(needs_own_memory(command("prog").drop_groups()));
  EXPECT_TRUE(needs_own_memory(command("prog").chroot("/")));
  EXPECT_TRUE(needs_own_memory(command("prog").user_namespace()));
  EXPECT_TRUE(needs_own_memory(command("prog").namespaces({new_namespace::net})));
  EXPECT_TRUE(needs_own_memory(command("prog").ambient_capabilities({0})));
  EXPECT_TRUE(needs_own_memory(command("prog").oom_score_adj(1)));
  const auto reason = [](const command& what) { return plan_of(what).plan.reason_for_own_memory(); };
  EXPECT_STREQ(reason(command("prog").uid(0)), "less privilege");
  EXPECT_STREQ(reason(command("prog").oom_score_adj(1)), "an oom_score_adj");
  EXPECT_STREQ(reason(command("prog").pre_exec([] { return std::error_code(); })), "a pre_exec hook");
}

TEST_F(planning, the_unneeded_are_all_but_the_targets)
{
  const command what = command("prog").map_fd(0, 9).map_fd(0, 4).map_fd(1, 3).map_fd(1, 9);
  plan_of good(what);
  const detail::child_plan& plan = good.for_child;
  std::vector<std::pair<unsigned, unsigned>> ranges;
  for (std::size_t i = 0; i < plan.unneeded_count; ++i)
    ranges.emplace_back(plan.unneeded[i].first, plan.unneeded[i].last);
  EXPECT_THAT(ranges, ElementsAre(std::pair(5u, 8u), std::pair(10u, UINT_MAX)));
}

TEST_F(planning, a_failure_halfway_closes_what_was_opened)
{
  const baseline_check before;
  command what("prog");
  what.stdin_from(stdio::pipe()).stdout_to(stdio::pipe()).stderr_to(stdio::pipe(std::size_t(1) << 40));
  spawn_failure failure;
  {
    detail::launch_plan plan(what, detail::stream_defaults::inherit(), failure);
    EXPECT_FALSE(failure);
    failure = plan.open_ends();
  }
  EXPECT_EQ(failure.step, spawn_step::pipe);
  before.verify();
}

TEST_F(planning, knows_which_terminal_the_child_will_not_have)
{
  const auto failure_of = [](const command& what) {
    spawn_failure failure;
    const detail::launch_plan plan(what, detail::stream_defaults::inherit(), failure);
    return failure;
  };
  for (const int number : {3, 9, -1}) {
    const std::string name = std::to_string(number);
    EXPECT_EQ(failure_of(command("prog").controlling_terminal(number)).step, spawn_step::controlling_terminal) << name;
    const spawn_failure failure = failure_of(command("prog").foreground(number));
    EXPECT_EQ(failure.step, spawn_step::foreground) << name;
    EXPECT_EQ(failure.code.value(), EBADF) << name;
    EXPECT_EQ(failure.detail, name);
    EXPECT_FALSE(failure_of(command("prog").foreground(number).keep_all_fds())) << name;
  }
  for (const int number : {0, 2, 7})
    EXPECT_FALSE(failure_of(command("prog").foreground(number).map_fd(0, 7))) << number;
}

TEST_F(planning, explains_what_the_child_could_not_make)
{
  const command what = command("prog").user_namespace().stdin_from(stdio::from_string("x")).stdout_to(stdio::null());
  plan_of good(what);
  const auto detail_of = [&](spawn_step step, int item) { return good.plan.explain({step, item, EIO}).detail; };
  EXPECT_EQ(detail_of(spawn_step::open_file, 0), "stdin data");
  EXPECT_EQ(detail_of(spawn_step::open_file, 1), "\"/dev/null\"");
  EXPECT_EQ(detail_of(spawn_step::namespaces, detail::setgroups_file), "setgroups deny");
}

TEST_F(planning, explains_numbers_by_names)
{
  command what = command::from_fd(0, "prog").map_fd(0, 7).current_dir("/d").uid(5).gid(6).process_group(8);
  for (int i = 0; i < 2; ++i)
    what.pre_exec([] { return std::error_code(); });
  plan_of good(what.stdin_from(stdio::read_file("/f")));
  const auto detail_of = [&](spawn_step step, int item) { return good.plan.explain({step, item, EIO}).detail; };
  EXPECT_EQ(detail_of(spawn_step::stdio, 0), "stdin");
  EXPECT_EQ(detail_of(spawn_step::chdir, 0), "\"/d\"");
  EXPECT_EQ(detail_of(spawn_step::setuid, 0), "5");
  EXPECT_EQ(detail_of(spawn_step::setgid, 0), "6");
  EXPECT_EQ(detail_of(spawn_step::setpgid, 0), "8");
  EXPECT_EQ(detail_of(spawn_step::map_fd, 0), "0→7");
  EXPECT_EQ(detail_of(spawn_step::pre_exec, 1), "hook 2");
  EXPECT_EQ(detail_of(spawn_step::open_file, 0), "\"/f\"");
  EXPECT_EQ(detail_of(spawn_step::open_file, 1), "\"/dev/null\"");
  EXPECT_EQ(detail_of(spawn_step::exec, 0), "descriptor 0");
  for (const int wild : {INT_MAX, -1, 99}) { // A foreign message must not lead astray.
    detail_of(spawn_step::map_fd, wild);
    detail_of(spawn_step::stdio, wild);
    detail_of(spawn_step::pre_exec, wild);
  }
}

} // namespace
} // namespace subprocess::tests
