#include <asio_integration/detail/pool/notify_socket.hpp> // First: proves it stands alone.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "support/baseline.hpp"
#include "support/isolated.hpp"

namespace subprocess::tests {
namespace {

using detail::open_notify_socket;
using detail::parent_of;

class notify_socket : public baseline {};

TEST_F(notify_socket, is_never_a_standard_stream)
{
  isolated([] {
    ::close(0);
    ::close(1);
    std::string name;
    std::error_code ec;
    const unique_fd socket = open_notify_socket(name, ec);
    EXPECT_FALSE(ec) << ec.message();
    EXPECT_GT(socket.get(), 2);
    EXPECT_EQ(::fcntl(socket.get(), F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(::fcntl(0, F_GETFD), -1);
    EXPECT_EQ(name.front(), '@');
  });
}

// The number 0 is free, and no other.
TEST_F(notify_socket, that_no_number_is_left_for_is_an_error_that_says_so)
{
  isolated([] {
    ::close(0);
    rlimit few;
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &few), 0);
    few.rlim_cur = 4;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    const unique_fd last(::fcntl(1, F_DUPFD_CLOEXEC, 3)); // Unless it was taken before.
    std::string name;
    std::error_code ec;
    EXPECT_FALSE(open_notify_socket(name, ec));
    EXPECT_EQ(ec, std::error_code(EMFILE, std::system_category()));
    EXPECT_EQ(::fcntl(0, F_GETFD), -1);
  });
}

TEST_F(notify_socket, finds_the_parent_whatever_the_process_is_called)
{
  EXPECT_EQ(parent_of(::getpid()), ::getppid());
  const pid_t parent = ::getpid();
  isolated([parent] {
    EXPECT_EQ(parent_of(::getpid()), parent);
    ::prctl(PR_SET_NAME, "a) S 1 (b\n) R 2");
    EXPECT_EQ(parent_of(::getpid()), parent);
  });
}

TEST_F(notify_socket, finds_no_parent_of_who_is_not_there)
{
  const pid_t gone = ::fork();
  if (gone == 0)
    ::_exit(0);
  ASSERT_EQ(::waitpid(gone, nullptr, 0), gone);
  EXPECT_EQ(parent_of(gone), 0);
}

} // namespace
} // namespace subprocess::tests
