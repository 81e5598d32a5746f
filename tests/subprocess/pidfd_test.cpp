#include <subprocess/detail/process/pidfd.hpp> // First: proves it stands alone.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "support/baseline.hpp"
#include "support/fresh_program.hpp"
#include "support/isolated.hpp"
#include "support/sandbox.hpp"

namespace subprocess::tests {
namespace {

using detail::has_pidfds;
using detail::open_pidfd;

using pidfds = baseline;

bool kernel_has_them()
{
  return static_cast<bool>(unique_fd(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0))));
}

TEST_F(pidfds, are_there_if_the_kernel_has_them)
{
  EXPECT_EQ(has_pidfds(), kernel_has_them());
  EXPECT_EQ(static_cast<bool>(open_pidfd(::getpid())), kernel_has_them());
}

TEST_F(pidfds, are_not_there_where_a_sandbox_refuses_them)
{
  if (tried_in_fresh_program())
    return;
  if (!refuse_calls({SYS_pidfd_open}, EPERM))
    GTEST_SKIP() << "no filters in this kernel";
  EXPECT_FALSE(has_pidfds());
  EXPECT_FALSE(open_pidfd(::getpid()));
}

TEST_F(pidfds, are_assumed_while_there_is_no_descriptor_to_be_had)
{
  if (tried_in_fresh_program())
    return;
  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  EXPECT_TRUE(has_pidfds());
  EXPECT_FALSE(open_pidfd(::getpid()));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(has_pidfds(), kernel_has_them());
}

TEST_F(pidfds, are_no_standard_streams)
{
  if (!kernel_has_them())
    GTEST_SKIP() << "no pidfds in this kernel";
  isolated([] {
    ::close(0);
    const unique_fd fd = open_pidfd(::getpid());
    EXPECT_GT(fd.get(), 2);
    EXPECT_EQ(::fcntl(fd.get(), F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(::fcntl(0, F_GETFD), -1);
  });
}

} // namespace
} // namespace subprocess::tests
