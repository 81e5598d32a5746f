#include <subprocess/spawn.hpp>

#include <grp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>

#include "support/isolated.hpp"
#include "support/launchers.hpp"

namespace subprocess::tests {
namespace {

constexpr uid_t somebody = 64321; // Nobody has it, so nobody's limits count.
constexpr gid_t some_group = 64322;

/// Tests of root's rights; what others may do is tried in copies that give
/// theirs up.
class credentials : public per_launcher {
protected:
  void SetUp() override
  {
    per_launcher::SetUp();
    if (!IsSkipped() && ::geteuid() != 0)
      GTEST_SKIP() << "needs root";
  }

  command ids() const { return program(tool, {"ids"}); }

  static void become_somebody()
  {
    ASSERT_EQ(::setgroups(0, nullptr), 0);
    ASSERT_EQ(::setgid(some_group), 0);
    ASSERT_EQ(::setuid(somebody), 0);
  }

  scratch_directory scratch;
  const std::string tool = scratch.helper_as("tool"); // Where any user may run it.
};
SUBPROCESS_FOR_EACH_ROAD(credentials);

TEST_P(credentials, are_inherited_unless_asked_for)
{
  isolated([&] {
    const gid_t groups[] = {7, 8};
    ASSERT_EQ(::setgroups(2, groups), 0);
    EXPECT_EQ(output_of(ids()), "0 0 0 0\n7 8\n");
  });
}

TEST_P(credentials, a_user_alone_drops_the_groups)
{
  isolated([&] {
    const gid_t groups[] = {7, 8};
    ASSERT_EQ(::setgroups(2, groups), 0);
    EXPECT_EQ(output_of(ids().uid(somebody)), "64321 64321 0 0\n\n");
  });
}

TEST_P(credentials, a_group_alone_keeps_the_others)
{
  isolated([&] {
    const gid_t groups[] = {7, 8};
    ASSERT_EQ(::setgroups(2, groups), 0);
    EXPECT_EQ(output_of(ids().gid(some_group)), "0 0 64322 64322\n7 8\n");
  });
}

TEST_P(credentials, groups_are_replaced)
{
  isolated([&] {
    const gid_t groups[] = {7, 8};
    ASSERT_EQ(::setgroups(2, groups), 0);
    EXPECT_EQ(output_of(ids().groups({5, 6, 9})), "0 0 0 0\n5 6 9\n");
    EXPECT_EQ(output_of(ids().groups({})), "0 0 0 0\n\n");
  });
}

TEST_P(credentials, all_three_together)
{
  EXPECT_EQ(output_of(ids().uid(somebody).gid(some_group).groups({3, 4})), "64321 64321 64322 64322\n3 4\n");
  EXPECT_EQ(output_of(ids().uid(0).gid(0)), "0 0 0 0\n\n");
}

TEST_P(credentials, the_parents_own_stay)
{
  output_of(ids().uid(somebody).gid(some_group).groups({3, 4}));
  failure_of(program("/nonexistent").uid(somebody).gid(some_group));
  EXPECT_EQ(::getuid(), 0u);
  EXPECT_EQ(::geteuid(), 0u);
  EXPECT_EQ(::getgid(), 0u);
}

TEST_P(credentials, the_directory_is_entered_with_the_users_rights)
{
  const std::string closed = scratch / "closed";
  std::filesystem::create_directory(closed);
  ASSERT_EQ(::chmod(closed.c_str(), 0700), 0);
  const spawn_failure failure = failure_of(ids().uid(somebody).current_dir(closed));
  EXPECT_EQ(failure.step, spawn_step::chdir);
  EXPECT_EQ(failure.code.value(), EACCES);
  ASSERT_EQ(::chown(closed.c_str(), somebody, some_group), 0);
  EXPECT_EQ(output_of(program(tool, {"cwd"}).uid(somebody).current_dir(closed)), closed + "\n");
}

TEST_P(credentials, the_program_is_run_with_the_users_rights)
{
  ASSERT_EQ(::chmod(tool.c_str(), 0700), 0);
  EXPECT_EQ(failure_of(ids().uid(somebody)).code.value(), EACCES);
  EXPECT_EQ(failure_of(ids().uid(somebody)).step, spawn_step::exec);
}

TEST_P(credentials, that_are_not_ours_to_take_are_errors)
{
  isolated([&] {
    become_somebody();
    const spawn_failure user = failure_of(ids().uid(0));
    EXPECT_EQ(user.code.value(), EPERM);
    EXPECT_EQ(user.step, spawn_step::setuid);
    EXPECT_EQ(user.detail, "0");
    const spawn_failure group = failure_of(ids().gid(5));
    EXPECT_EQ(group.code.value(), EPERM);
    EXPECT_EQ(group.step, spawn_step::setgid);
    EXPECT_EQ(group.detail, "5");
    const spawn_failure groups = failure_of(ids().groups({5}));
    EXPECT_EQ(groups.code.value(), EPERM);
    EXPECT_EQ(groups.step, spawn_step::setgroups);
    EXPECT_EQ(failure_of(ids().groups({})).step, spawn_step::setgroups);
  });
}

TEST_P(credentials, ones_own_may_be_asked_for_without_any_rights)
{
  isolated([&] {
    become_somebody(); // Who may not drop groups; that is no error of uid().
    EXPECT_EQ(output_of(ids().uid(somebody).gid(some_group)), "64321 64321 64322 64322\n\n");
  });
}

TEST_P(credentials, that_are_unknown_are_a_mistake)
{
  const spawn_failure user = failure_of(ids().user("nobody2"));
  EXPECT_EQ(user.code.value(), EINVAL);
  EXPECT_EQ(user.step, spawn_step::prepare);
  EXPECT_EQ(user.detail, "user \"nobody2\"");
  EXPECT_EQ(user.message(), "spawn \"" + tool + "\": prepare user \"nobody2\": Invalid argument (unknown)");
  EXPECT_EQ(failure_of(ids().group("nogroup2")).detail, "group \"nogroup2\"");
  EXPECT_EQ(failure_of(ids().user("")).detail, "user \"\"");
  EXPECT_EQ(failure_of(ids().user(std::string("a\0b", 3))).code.value(), EINVAL);
}

TEST_P(credentials, of_a_name_take_the_same_rights)
{
  isolated([&] {
    become_somebody();
    EXPECT_EQ(failure_of(ids().user("root")).step, spawn_step::setgroups);
    EXPECT_EQ(failure_of(ids().user("root").keep_groups()).detail, "0");
  });
}

} // namespace
} // namespace subprocess::tests
