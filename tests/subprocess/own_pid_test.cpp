#include <subprocess/detail/process/own_pid.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>
#include <unistd.h>

#include "support/baseline.hpp"
#include "support/isolated.hpp"

namespace subprocess::tests {
namespace {

using own_number = baseline;

TEST_F(own_number, is_that_of_the_process)
{
  EXPECT_EQ(detail::own_pid(), ::getpid());
  EXPECT_EQ(detail::own_pid(), ::getpid()) << "asked again";
}

TEST_F(own_number, is_another_in_a_fork_and_in_a_fork_of_that)
{
  const pid_t original = detail::own_pid();
  isolated([&] {
    EXPECT_NE(detail::own_pid(), original);
    EXPECT_EQ(detail::own_pid(), ::getpid());
    isolated([] { EXPECT_EQ(detail::own_pid(), ::getpid()); });
  });
  EXPECT_EQ(detail::own_pid(), original);
}

} // namespace
} // namespace subprocess::tests
