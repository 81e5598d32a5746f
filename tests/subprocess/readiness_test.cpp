#include <subprocess/detail/streams/readiness.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "support/baseline.hpp"
#include "support/isolated.hpp"
#include "support/pipes.hpp"

namespace subprocess::tests {
namespace {

using detail::is_hung_up;
using detail::wait_until_ready;

/// With poll(2), and where that takes no descriptor at all.
class readiness : public baseline {
protected:
  static void by_poll_and_by_select(const std::function<void(bool polls)>& body)
  {
    body(true);
    isolated([&] {
      rlimit none;
      ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &none), 0);
      none.rlim_cur = 0;
      ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
      pollfd probe{0, 0, 0};
      body(::poll(&probe, 1, 0) != -1);
    });
  }
};

TEST_F(readiness, is_told_of_each)
{
  const pipe_ends silent = make_pipe();
  const unique_fd full = pipe_with("x");
  by_poll_and_by_select([&](bool) {
    pollfd watched[] = {{silent.read_end.get(), POLLIN, 0}, {full.get(), POLLIN, 0}};
    int error = -1;
    EXPECT_EQ(wait_until_ready(watched, -1, error), 1);
    EXPECT_EQ(error, 0);
    EXPECT_EQ(watched[0].revents, 0);
    EXPECT_NE(watched[1].revents & POLLIN, 0);
    EXPECT_EQ(wait_until_ready({watched, 1}, 0, error), 0);
    EXPECT_EQ(error, 0);
  });
}

TEST_F(readiness, of_a_closed_one_is_an_error_or_told)
{
  int number = -1;
  {
    const pipe_ends closed = make_pipe();
    number = closed.read_end.get();
  }
  by_poll_and_by_select([&](bool polls) {
    pollfd watched{number, POLLIN, 0};
    int error = 0;
    EXPECT_EQ(wait_until_ready({&watched, 1}, 0, error), polls ? 1 : 0);
    EXPECT_EQ(error, polls ? 0 : EBADF);
  });
}

TEST_F(readiness, a_hang_up_is_told_from_silence)
{
  pipe_ends ends = make_pipe();
  by_poll_and_by_select([&](bool) {
    EXPECT_FALSE(is_hung_up(ends.read_end.get()));
    EXPECT_FALSE(is_hung_up(ends.write_end.get()));
  });
  ASSERT_EQ(::write(ends.write_end.get(), "x", 1), 1);
  by_poll_and_by_select([&](bool) { EXPECT_FALSE(is_hung_up(ends.read_end.get())); });
  ends.read_end.reset();
  const unique_fd full = pipe_with("x");
  const unique_fd empty = pipe_with("");
  by_poll_and_by_select([&](bool polls) {
    EXPECT_TRUE(is_hung_up(ends.write_end.get()));
    EXPECT_TRUE(is_hung_up(empty.get()));
    EXPECT_EQ(is_hung_up(full.get()), polls); // Else what is unread comes first.
  });
}

} // namespace
} // namespace subprocess::tests
