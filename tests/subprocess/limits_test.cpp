#include <subprocess/spawn.hpp>

#include <grp.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "support/descriptor_table.hpp"
#include "support/isolated.hpp"
#include "support/launchers.hpp"
#include "support/pipes.hpp"

namespace subprocess::tests {
namespace {

class out_of : public per_launcher {
protected:
  /// Fills the table of descriptors but for `left` places.
  static std::vector<unique_fd> leave_descriptors(std::size_t left)
  {
    const rlimit limit{720, 720};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    std::vector<unique_fd> taken = take_all_descriptors();
    taken.resize(taken.size() - left);
    return taken;
  }
};
SUBPROCESS_FOR_EACH_LAUNCHER(out_of);

// Whatever the number of descriptors left, a spawn works or fails cleanly.
TEST_P(out_of, descriptors_is_an_error_and_leaves_nothing)
{
  isolated([&] {
    command full = helper({"streams"});
    full.stdin_from(stdio::pipe());
    bool failed = false;
    bool worked = false;
    for (std::size_t left = 0; left <= 14; ++left) {
      const std::vector<unique_fd> taken = leave_descriptors(left);
      const std::set<int> before = open_descriptors();
      std::error_code ec;
      const captured_output output = capture(full, ec);
      if (ec) {
        EXPECT_EQ(ec, std::errc::too_many_files_open) << left;
        EXPECT_FALSE(worked) << "worked with fewer than " << left;
        failed = true;
      } else {
        EXPECT_EQ(output.out + output.err, "outerr") << left;
        worked = true;
      }
      EXPECT_FALSE(has_children()) << left;
      EXPECT_EQ(open_descriptors(), before) << left;
    }
    EXPECT_TRUE(failed);
    EXPECT_TRUE(worked);
  });
}

TEST_P(out_of, descriptors_to_wait_with_the_wait_goes_on)
{
  isolated([&] {
    child cat = spawn(helper({"cat"}).stdin_from(stdio::pipe()));
    const std::vector<unique_fd> taken = leave_descriptors(0);
    std::error_code ec;
    EXPECT_EQ(cat.wait_for(std::chrono::milliseconds(5), ec), std::nullopt);
    EXPECT_FALSE(ec) << ec.message();
    cat.stdin_pipe().reset();
    EXPECT_TRUE(end_of(cat).success());
  });
}

TEST_P(out_of, descriptors_for_the_mapped_ones_is_an_error)
{
  isolated([&] {
    const unique_fd a = pipe_with("A", 30);
    const unique_fd b = pipe_with("B", 30);
    const std::vector<unique_fd> taken = leave_descriptors(6);
    command swap = helper({"fd-read", std::to_string(a.get()), std::to_string(b.get())});
    swap.map_fd(a.get(), b.get()).map_fd(b.get(), a.get());
    for (int i = 0; i < 6; ++i) {
      std::error_code ec;
      const captured_output output = capture(swap, ec);
      EXPECT_TRUE(ec ? ec == std::errc::too_many_files_open : output.status.success()) << ec.message();
    }
  });
}

TEST_P(out_of, processes_is_an_error_of_fork)
{
  if (::geteuid() != 0)
    GTEST_SKIP() << "needs root, to become a user without processes";
  isolated([&] {
    const rlimit limit{1, 1};
    ASSERT_EQ(::setrlimit(RLIMIT_NPROC, &limit), 0);
    ASSERT_EQ(::setgroups(0, nullptr), 0);
    ASSERT_EQ(::setgid(64325), 0);
    ASSERT_EQ(::setuid(64325), 0);
    const spawn_failure failure = failure_of(program("true").stdin_from(stdio::pipe()));
    EXPECT_EQ(failure.code, std::errc::resource_unavailable_try_again);
    EXPECT_EQ(failure.step, spawn_step::fork);
  });
}

TEST_P(out_of, what_the_parent_has_is_what_the_child_has)
{
  isolated([&] {
    const rlimit limit{300, 400};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    EXPECT_NE(output_of({"limits"}).find("nofile 300 400\n"), std::string::npos);
  });
}

} // namespace
} // namespace subprocess::tests
