#include <asio_integration/detail/streams/line_buffer.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace subprocess::tests {
namespace {

using detail::line_buffer;

void feed(line_buffer& buffer, std::string_view text)
{
  const auto room = buffer.room();
  ASSERT_GE(room.size(), text.size());
  std::ranges::copy(text, room.begin());
  buffer.add(text.size());
}

std::vector<std::string> lines_of(line_buffer& buffer)
{
  std::vector<std::string> lines;
  for (std::string line; buffer.next(line) != line_buffer::result::more;)
    lines.push_back(line);
  return lines;
}

using lines = std::vector<std::string>;

TEST(line_buffer, makes_lines_of_pieces)
{
  line_buffer buffer({});
  feed(buffer, "one\ntw");
  EXPECT_EQ(lines_of(buffer), (lines{"one"}));
  feed(buffer, "o\n\nthree");
  EXPECT_EQ(lines_of(buffer), (lines{"two", ""}));
  feed(buffer, "\nfour");
  EXPECT_EQ(lines_of(buffer), (lines{"three"}));
  std::string last;
  EXPECT_TRUE(buffer.take_last(last));
  EXPECT_EQ(last, "four");
  EXPECT_FALSE(buffer.take_last(last));
}

TEST(line_buffer, gives_the_beginning_of_a_line_that_is_too_long)
{
  line_buffer buffer({.longest = 4});
  std::string line;
  feed(buffer, "1234\n12345");
  EXPECT_EQ(buffer.next(line), line_buffer::result::line);
  EXPECT_EQ(line, "1234");
  EXPECT_EQ(buffer.next(line), line_buffer::result::too_long);
  EXPECT_EQ(line, "1234");
  EXPECT_EQ(buffer.next(line), line_buffer::result::more);
  feed(buffer, "678");
  EXPECT_EQ(buffer.next(line), line_buffer::result::more);
  feed(buffer, "9\nnext\n");
  EXPECT_EQ(buffer.next(line), line_buffer::result::line);
  EXPECT_EQ(line, "next");
  EXPECT_FALSE(buffer.take_last(line));
}

// What was taken makes room again.
TEST(line_buffer, reads_to_the_same_place_for_ever)
{
  line_buffer buffer({});
  const char* const place = buffer.room().data();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(buffer.room().data(), place);
    feed(buffer, std::string(1000, 'x') + "\n");
    EXPECT_EQ(lines_of(buffer).size(), 1u);
  }
}

} // namespace
} // namespace subprocess::tests
