#include <asio_integration/detail/pool/answer_buffer.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace subprocess::tests {
namespace {

using namespace std::string_view_literals;
using detail::answer_buffer;
using detail::answer_shape;
using result = answer_buffer::result;

void add(answer_buffer& buffer, std::string_view text)
{
  while (!text.empty()) {
    const auto room = buffer.room();
    ASSERT_FALSE(room.empty());
    const std::size_t size = std::min(room.size(), text.size());
    std::copy_n(text.begin(), size, room.begin());
    buffer.add(size);
    text.remove_prefix(size);
  }
}

TEST(answer_buffer, gives_lines_one_by_one)
{
  answer_buffer buffer;
  std::string line;
  EXPECT_EQ(buffer.next(answer_shape::line, 10, line), result::more);
  add(buffer, "one\n\ntw");
  EXPECT_EQ(buffer.next(answer_shape::line, 10, line), result::whole);
  EXPECT_EQ(line, "one");
  EXPECT_EQ(buffer.next(answer_shape::line, 10, line), result::whole);
  EXPECT_EQ(line, "");
  EXPECT_EQ(buffer.next(answer_shape::line, 10, line), result::more);
  EXPECT_FALSE(buffer.is_empty());
  add(buffer, "o\n");
  EXPECT_EQ(buffer.next(answer_shape::line, 10, line), result::whole);
  EXPECT_EQ(line, "two");
  EXPECT_TRUE(buffer.is_empty());
}

TEST(answer_buffer, knows_a_line_that_is_too_long_with_and_without_its_end)
{
  std::string line;
  answer_buffer open;
  add(open, "12345");
  EXPECT_EQ(open.next(answer_shape::line, 5, line), result::more);
  add(open, "6");
  EXPECT_EQ(open.next(answer_shape::line, 5, line), result::too_long);
  answer_buffer ended;
  add(ended, "123456\n");
  EXPECT_EQ(ended.next(answer_shape::line, 5, line), result::too_long);
  EXPECT_EQ(ended.next(answer_shape::line, 6, line), result::whole);
}

TEST(answer_buffer, gives_frames_however_they_come)
{
  constexpr std::string_view two = "\0\0\0\3a\nb\0\0\0\0"sv;
  for (std::size_t cut = 0; cut <= two.size(); ++cut) {
    answer_buffer buffer;
    std::string frame;
    add(buffer, two.substr(0, cut));
    const bool is_whole = buffer.next(answer_shape::frame, 3, frame) == result::whole;
    EXPECT_EQ(is_whole, cut >= 7) << cut;
    add(buffer, two.substr(cut));
    if (!is_whole) {
      EXPECT_EQ(buffer.next(answer_shape::frame, 3, frame), result::whole);
    }
    EXPECT_EQ(frame, "a\nb");
    EXPECT_EQ(buffer.next(answer_shape::frame, 3, frame), result::whole);
    EXPECT_EQ(frame, "");
    EXPECT_TRUE(buffer.is_empty());
  }
}

TEST(answer_buffer, believes_no_length_above_the_limit)
{
  answer_buffer buffer;
  std::string frame;
  add(buffer, "\xff\xff\xff\xff"sv);
  EXPECT_EQ(buffer.next(answer_shape::frame, 1000, frame), result::too_long);
}

TEST(answer_buffer, takes_memory_for_what_has_come_alone)
{
  answer_buffer buffer;
  std::string frame;
  add(buffer, "\x40\0\0\0x"sv); // A promise of 1 GiB.
  EXPECT_EQ(buffer.next(answer_shape::frame, SIZE_MAX, frame), result::more);
  EXPECT_LT(buffer.room().size(), std::size_t(1) << 20);
}

TEST(answer_buffer, keeps_what_follows_a_large_answer)
{
  answer_buffer buffer;
  std::string line;
  const std::string large(3 << 20, 'x');
  add(buffer, large + "\nnext\n");
  EXPECT_EQ(buffer.next(answer_shape::line, large.size(), line), result::whole);
  EXPECT_EQ(line, large);
  EXPECT_EQ(buffer.next(answer_shape::line, 10, line), result::whole);
  EXPECT_EQ(line, "next");
}

} // namespace
} // namespace subprocess::tests
