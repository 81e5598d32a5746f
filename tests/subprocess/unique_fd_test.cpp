#include <subprocess/unique_fd.hpp> // First: proves it stands alone.

#include <fcntl.h>

#include <type_traits>
#include <utility>

#include "support/baseline.hpp"
#include "support/pipes.hpp"

namespace subprocess::tests {
namespace {

static_assert(!std::is_copy_constructible_v<unique_fd> && !std::is_copy_assignable_v<unique_fd>);
static_assert(std::is_nothrow_move_constructible_v<unique_fd> && std::is_nothrow_move_assignable_v<unique_fd>);
static_assert(!std::is_convertible_v<int, unique_fd> && !std::is_convertible_v<unique_fd, bool>);

bool is_open(int fd)
{
  return ::fcntl(fd, F_GETFD) != -1;
}

using owning = baseline;

TEST_F(owning, empty_is_minus_one)
{
  unique_fd empty;
  EXPECT_EQ(empty.get(), -1);
  EXPECT_FALSE(empty);
  EXPECT_EQ(empty.release(), -1);
  empty.reset();
  EXPECT_FALSE(unique_fd(-1));
}

TEST_F(owning, zero_is_a_descriptor_too)
{
  unique_fd standard_input(0);
  EXPECT_TRUE(standard_input);
  EXPECT_EQ(standard_input.release(), 0);
}

TEST_F(owning, closes_at_its_end)
{
  int number;
  {
    const pipe_ends ends = make_pipe();
    number = ends.read_end.get();
    EXPECT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST_F(owning, a_move_leaves_nothing_behind)
{
  pipe_ends ends = make_pipe();
  const int number = ends.read_end.get();
  unique_fd moved(std::move(ends.read_end));
  EXPECT_EQ(moved.get(), number);
  EXPECT_EQ(ends.read_end.get(), -1);

  const int overwritten = ends.write_end.get();
  ends.write_end = std::move(moved);
  EXPECT_EQ(ends.write_end.get(), number);
  EXPECT_EQ(moved.get(), -1);
  EXPECT_TRUE(is_open(number));
  EXPECT_FALSE(is_open(overwritten));
}

TEST_F(owning, a_move_onto_itself_keeps_the_descriptor)
{
  pipe_ends ends = make_pipe();
  unique_fd& itself = ends.read_end;
  ends.read_end = std::move(itself);
  EXPECT_TRUE(ends.read_end);
  EXPECT_TRUE(is_open(ends.read_end.get()));
}

TEST_F(owning, release_hands_the_descriptor_over)
{
  pipe_ends ends = make_pipe();
  const int number = ends.read_end.release();
  EXPECT_FALSE(ends.read_end);
  EXPECT_TRUE(is_open(number));
  ends.read_end.reset(number);
  EXPECT_EQ(ends.read_end.get(), number);
}

TEST_F(owning, reset_closes_the_old_and_owns_the_new)
{
  pipe_ends ends = make_pipe();
  const int old = ends.read_end.get();
  ends.read_end.reset(ends.write_end.release());
  EXPECT_FALSE(is_open(old));
  EXPECT_TRUE(is_open(ends.read_end.get()));

  ends.read_end.reset(ends.read_end.get()); // Already its own: must not close it.
  EXPECT_TRUE(is_open(ends.read_end.get()));
}

} // namespace
} // namespace subprocess::tests
