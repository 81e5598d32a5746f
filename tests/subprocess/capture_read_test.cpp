#include <subprocess/detail/streams/capture_read.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include <subprocess/detail/streams/pty.hpp>
#include <subprocess/stdio_target.hpp>

#include "support/baseline.hpp"
#include "support/deadline.hpp"
#include "support/pipes.hpp"

namespace subprocess::tests {
namespace {

using detail::capture_buffer;
using detail::read_what_is_there;

using reading_what_is_there = baseline;

void expect_end_to_be_told(int ours, unique_fd theirs)
{
  capture_buffer text({});
  std::string copy;
  EXPECT_FALSE(read_what_is_there(ours, text, &copy));
  EXPECT_EQ(copy, "");
  write_all(theirs.get(), "abc");
  EXPECT_FALSE(read_what_is_there(ours, text, &copy));
  EXPECT_EQ(copy, "abc");
  write_all(theirs.get(), "d");
  theirs.reset();
  EXPECT_TRUE(read_what_is_there(ours, text, &copy));
  EXPECT_TRUE(read_what_is_there(ours, text, nullptr));
  EXPECT_EQ(copy, "abcd");
  EXPECT_EQ(text.take(), "abcd");
}

TEST_F(reading_what_is_there, tells_whether_the_end_of_a_pipe_follows)
{
  pipe_ends ends = make_pipe();
  expect_end_to_be_told(ends.read_end.get(), std::move(ends.write_end));
}

TEST_F(reading_what_is_there, tells_whether_the_end_of_a_terminal_follows)
{
  unique_fd ours;
  unique_fd theirs;
  if (detail::open_pty({}, ours, theirs) != 0)
    GTEST_SKIP() << "no pseudo-terminals here";
  expect_end_to_be_told(ours.get(), std::move(theirs));
}

} // namespace
} // namespace subprocess::tests
