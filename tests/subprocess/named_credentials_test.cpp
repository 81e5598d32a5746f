#include <subprocess/command.hpp>

#include <grp.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "support/isolated.hpp"
#include "support/launchers.hpp"

namespace subprocess::tests {
namespace {

/// Users and groups of our own, seen by nobody else.
class named_credentials : public per_launcher {
protected:
  void SetUp() override
  {
    per_launcher::SetUp();
    if (!IsSkipped() && ::geteuid() != 0)
      GTEST_SKIP() << "needs root";
  }

  command ids() const { return program(tool, {"ids"}); }

  /// In a copy of this program that has them; skips what cannot be tried here.
  void with_users(const std::function<void()>& body)
  {
    std::string members;
    std::string groups = "root:x:0:\nworkers:x:64322:\nspecial:x:64323:ann,bob\n";
    for (int i = 0; i < 5000; ++i)
      members.append(i ? "," : "").append("member").append(std::to_string(i));
    groups.append("many:x:64324:").append(members).append("\n");
    for (int i = 0; i < 100; ++i)
      groups.append("g").append(std::to_string(i)).append(":x:").append(std::to_string(60000 + i)).append(":carl\n");
    const std::string long_text(5000, 'x');
    const std::string users = scratch.file("passwd", "root:x:0:0::/:/bin/sh\n"
                                                     "ann:x:64321:64322:" +
                                                         long_text +
                                                         ":/:/bin/sh\n"
                                                         "carl:x:64325:64322::/:/bin/sh\n");
    const std::string group_file = scratch.file("group", groups);
    const exit_status status = in_copy([&] {
      if (::unshare(CLONE_NEWNS) == -1 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == -1 ||
          ::mount(users.c_str(), "/etc/passwd", nullptr, MS_BIND, nullptr) == -1 ||
          ::mount(group_file.c_str(), "/etc/group", nullptr, MS_BIND, nullptr) == -1)
        ::_exit(77);
      body();
    });
    if (status.code() == 77)
      GTEST_SKIP() << "no mounts of our own";
    EXPECT_TRUE(status.success()) << status;
  }

  scratch_directory scratch;
  const std::string tool = scratch.helper_as("tool"); // Where any user may run it.
};
SUBPROCESS_FOR_EACH_ROAD(named_credentials);

TEST_P(named_credentials, a_user_has_its_ids_and_groups)
{
  with_users([&] { EXPECT_EQ(output_of(ids().user("ann")), "64321 64321 64322 64322\n64322 64323\n"); });
}

TEST_P(named_credentials, parts_of_a_user_can_be_replaced)
{
  with_users([&] {
    EXPECT_EQ(output_of(ids().user("ann").gid(7)), "64321 64321 7 7\n7 64323\n");
    EXPECT_EQ(output_of(ids().user("ann").group("many")), "64321 64321 64324 64324\n64323 64324\n");
    EXPECT_EQ(output_of(ids().user("ann").groups({5})), "64321 64321 64322 64322\n5\n");
    EXPECT_EQ(output_of(ids().user("ann").drop_groups()), "64321 64321 64322 64322\n\n");
    const gid_t groups[] = {7, 8};
    ASSERT_EQ(::setgroups(2, groups), 0);
    EXPECT_EQ(output_of(ids().user("ann").keep_groups()), "64321 64321 64322 64322\n7 8\n");
    EXPECT_EQ(output_of(ids().group("workers")), "0 0 64322 64322\n7 8\n");
  });
}

TEST_P(named_credentials, of_name_and_number_the_last_counts)
{
  with_users([&] {
    EXPECT_EQ(output_of(ids().user("nobody2").uid(5)), "5 5 0 0\n\n");
    EXPECT_EQ(output_of(ids().uid(5).user("ann").group("nogroup2").gid(6)), "64321 64321 6 6\n6 64323\n");
    EXPECT_EQ(output_of(ids().gid(5).group("workers")), "0 0 64322 64322\n\n");
  });
}

TEST_P(named_credentials, may_be_of_any_size)
{
  with_users([&] {
    std::string expected = "64325 64325 64322 64322\n";
    for (int i = 0; i < 100; ++i)
      expected.append(std::to_string(60000 + i)).append(" ");
    EXPECT_EQ(output_of(ids().user("carl")), expected + "64322\n");
    EXPECT_EQ(output_of(ids().group("many")), "0 0 64324 64324\n\n");
  });
}

} // namespace
} // namespace subprocess::tests
