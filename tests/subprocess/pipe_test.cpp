#include <subprocess/detail/streams/pipe.hpp> // First: proves it stands alone.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include <subprocess/detail/streams/pty.hpp>
#include <subprocess/stdio_target.hpp>

#include "support/baseline.hpp"
#include "support/descriptor_table.hpp"
#include "support/isolated.hpp"

namespace subprocess::tests {
namespace {

class own_ends : public baseline {
protected:
  /// Where the numbers 0 to 2 are open up to `closed`, and no others.
  static void with_streams_closed_from(int closed, const std::function<void()>& body)
  {
    isolated([&] {
      close_the_unknown();
      for (int stream = closed; stream < 3; ++stream)
        ::close(stream);
      body();
    });
  }
};

TEST_F(own_ends, are_above_the_standard_streams_and_stay_where_they_are_there)
{
  const auto expect = [](const unique_fd& end, int number) {
    EXPECT_EQ(end.get(), number);
    EXPECT_EQ(::fcntl(end.get(), F_GETFD), FD_CLOEXEC);
  };
  for (int closed = 0; closed <= 3; ++closed)
    with_streams_closed_from(closed, [&] {
      // What comes first takes the place of a stream if one is closed, and is moved when
      // the second has its own.
      const bool moves_one = closed == 2;
      unique_fd one;
      unique_fd other;
      EXPECT_EQ(detail::make_pipe(one, other), 0);
      expect(one, moves_one ? 4 : 3);
      expect(other, moves_one ? 3 : 4);
      one.reset();
      other.reset();
      EXPECT_EQ(detail::make_socket_pair(one, other), 0);
      expect(one, moves_one ? 4 : 3);
      expect(other, moves_one ? 3 : 4);
      one.reset();
      other.reset();
      EXPECT_EQ(detail::open_file("/dev/null", O_RDONLY, one), 0);
      expect(one, 3);
    });
}

TEST_F(own_ends, of_a_terminal_are_above_the_standard_streams_too)
{
  unique_fd ours;
  unique_fd theirs;
  if (detail::open_pty({}, ours, theirs) != 0)
    GTEST_SKIP() << "no pseudo-terminals here";
  with_streams_closed_from(0, [&] {
    EXPECT_EQ(detail::open_pty({}, ours, theirs), 0);
    EXPECT_GT(ours.get(), 2);
    EXPECT_GT(theirs.get(), 2);
  });
}

TEST_F(own_ends, that_cannot_be_moved_are_closed_and_an_error)
{
  with_streams_closed_from(0, [] {
    rlimit few{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &few), 0);
    few.rlim_cur = 4;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    unique_fd last;
    EXPECT_EQ(detail::open_file("/dev/null", O_RDONLY, last), 0);
    EXPECT_EQ(last.get(), 3);
    unique_fd one;
    unique_fd other;
    EXPECT_EQ(detail::open_file("/dev/null", O_RDONLY, one), EMFILE);
    EXPECT_FALSE(one);
    EXPECT_EQ(detail::make_pipe(one, other), EMFILE);
    EXPECT_FALSE(one);
    other.reset();
    EXPECT_EQ(detail::make_socket_pair(one, other), EMFILE);
    EXPECT_FALSE(one);
    other.reset();
    EXPECT_EQ(::fcntl(0, F_GETFD), -1);
    EXPECT_EQ(::fcntl(1, F_GETFD), -1);
  });
}

} // namespace
} // namespace subprocess::tests
