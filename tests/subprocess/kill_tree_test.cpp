#include <subprocess/kill_tree.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include <subprocess/spawn.hpp>

#include "support/deadline.hpp"
#include "support/launchers.hpp"

namespace subprocess::tests {
namespace {

/// A directory that looks like a cgroup, as far as we touch one.
class false_cgroup : public scratch_directory {
public:
  false_cgroup() { file("cgroup.procs", ""); }
  std::string kill_file() const { return file("cgroup.kill", ""); }
};

TEST(kill_tree_of, a_cgroup_writes_to_its_kill_file)
{
  const false_cgroup cgroup;
  const std::string file = cgroup.kill_file();
  kill_tree(cgroup.path());
  EXPECT_EQ(content_of(file), "1");
}

TEST(kill_tree_of, what_is_none_is_an_error)
{
  const false_cgroup cgroup; // Without the file, as before Linux 5.14.
  std::error_code ec;
  kill_tree(cgroup.path(), ec);
  EXPECT_EQ(ec, std::errc::no_such_file_or_directory);
  EXPECT_THROW(kill_tree("/nonexistent"), std::system_error);
}

TEST(kill_tree_of, a_name_with_a_nul_byte_reaches_no_other)
{
  const false_cgroup cgroup;
  const std::string file = cgroup.kill_file();
  std::error_code ec;
  kill_tree(file + std::string("\0/sub", 5), ec);
  EXPECT_EQ(ec, std::errc::invalid_argument);
  EXPECT_EQ(content_of(file), "");
}

class tree_of_a_child : public per_launcher {
protected:
  static std::error_code error_of(child& started)
  {
    std::error_code ec;
    started.kill_tree(ec);
    return ec;
  }

  /// Empty where this system has no cgroups.
  child start(const command& what)
  {
    std::error_code ec;
    child started = spawn(what, ec);
    EXPECT_TRUE(!ec || ec == std::errc::operation_not_supported) << ec.message();
    return started;
  }
};
SUBPROCESS_FOR_EACH_LAUNCHER(tree_of_a_child);

TEST_P(tree_of_a_child, is_the_cgroup_that_it_was_given_also_after_its_end)
{
  const false_cgroup cgroup;
  const std::string file = cgroup.kill_file();
  child running = start(helper({"hang"}).cgroup(cgroup.path()));
  if (running.id() == -1)
    GTEST_SKIP() << "no cgroups here";
  running.kill_tree();
  EXPECT_EQ(content_of(file), "1");
  running.kill();
  EXPECT_EQ(end_of(running).signal(), SIGKILL);

  ASSERT_EQ(::unlink(file.c_str()), 0);
  EXPECT_EQ(error_of(running), std::errc::no_such_file_or_directory);
  cgroup.kill_file();
  EXPECT_FALSE(error_of(running)) << "the child's number does not matter";
  EXPECT_EQ(content_of(file), "1");
}

TEST_P(tree_of_a_child, is_found_from_another_directory)
{
  const false_cgroup cgroup;
  const std::string file = cgroup.kill_file();
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(cgroup.path());
  child ended = start(helper({"exit", "0"}).cgroup("."));
  std::filesystem::current_path(before);
  if (ended.id() == -1)
    GTEST_SKIP() << "no cgroups here";
  EXPECT_TRUE(end_of(ended).success());
  EXPECT_FALSE(error_of(ended));
  EXPECT_EQ(content_of(file), "1");
}

TEST_P(tree_of_a_child, without_a_cgroup_of_its_own_is_refused)
{
  child none;
  EXPECT_EQ(error_of(none), std::errc::invalid_argument);
  child ended = spawn(helper({"exit", "0"}).process_group(0));
  EXPECT_EQ(error_of(ended), std::errc::invalid_argument);
  EXPECT_THROW(ended.kill_tree(), std::system_error);
  EXPECT_TRUE(end_of(ended).success());
}

} // namespace
} // namespace subprocess::tests
