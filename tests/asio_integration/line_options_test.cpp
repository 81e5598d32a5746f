#include <asio_integration/line_options.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <asio_integration/detail/streams/line_buffer.hpp>

namespace subprocess::tests {
namespace {

using detail::line_buffer;
using texts = std::vector<std::string>;

/// All lines of a text that comes in such pieces; '>' marks one that was too long.
texts lines_in(std::string_view text, std::size_t piece, const line_options& options)
{
  line_buffer buffer(options);
  texts lines;
  std::string line;
  while (!text.empty()) {
    const std::string_view next = text.substr(0, piece);
    text.remove_prefix(next.size());
    std::ranges::copy(next, buffer.room().begin());
    buffer.add(next.size());
    for (;;) {
      const auto found = buffer.next(line);
      if (found == line_buffer::result::more)
        break;
      lines.push_back(found == line_buffer::result::too_long ? '>' + line : line);
    }
  }
  if (buffer.take_last(line))
    lines.push_back(line);
  return lines;
}

void expect_lines(std::string_view text, const line_options& options, const texts& expected)
{
  for (std::size_t piece = 1; piece <= text.size(); ++piece)
    EXPECT_EQ(lines_in(text, piece, options), expected) << "in pieces of " << piece;
}

constexpr line_end both = line_end::newline_or_return();

TEST(line_end, is_a_newline_unless_told_otherwise)
{
  EXPECT_EQ(line_options().ends, line_end::newline());
  EXPECT_EQ(line_end::newline(), '\n');
  EXPECT_NE(both, '\n');
  EXPECT_NE(both, '\r');
  expect_lines("a\rb\r\nc", {}, {"a\rb\r", "c"});
}

TEST(line_end, newline_or_return_takes_each_alone_and_both_as_one)
{
  expect_lines("a\nb\rc\r\nd", {.ends = both}, {"a", "b", "c", "d"});
  expect_lines("a\r\n", {.ends = both}, {"a"});
  expect_lines("a\r", {.ends = both}, {"a"});
}

TEST(line_end, newline_or_return_gives_empty_lines)
{
  expect_lines("\r\r\n\n\r", {.ends = both}, {"", "", "", ""});
  expect_lines("\n\r\nx", {.ends = both}, {"", "", "x"});
}

TEST(line_end, a_return_ends_a_line_before_anything_follows)
{
  line_buffer buffer({.ends = both});
  std::string line;
  std::ranges::copy(std::string_view("50%\r"), buffer.room().begin());
  buffer.add(4);
  ASSERT_EQ(buffer.next(line), line_buffer::result::line);
  EXPECT_EQ(line, "50%");
  EXPECT_EQ(buffer.next(line), line_buffer::result::more);
  EXPECT_FALSE(buffer.take_last(line));
}

TEST(line_end, any_character_is_the_only_one)
{
  using namespace std::string_view_literals;
  expect_lines("a\nb\0c\r\0\0d"sv, {.ends = '\0'}, {"a\nb", "c\r", "", "d"});
  expect_lines("a\r\nb\r", {.ends = '\r'}, {"a", "\nb"});
  expect_lines("1;2;\xff;", {.ends = ';'}, {"1", "2", "\xff"});
  expect_lines("1\xff"
               "2",
               {.ends = '\xff'}, {"1", "2"});
}

TEST(line_end, of_a_line_that_is_too_long_is_found)
{
  expect_lines("abc\r\nabcd\r\nab\r", {.longest = 3, .ends = both}, {"abc", ">abc", "ab"});
  expect_lines("abcdefgh\rab\n", {.longest = 3, .ends = both}, {">abc", "ab"});
  expect_lines("abcdefgh\r\n\nab", {.longest = 3, .ends = both}, {">abc", "", "ab"});
  expect_lines("abcdefgh;ab", {.longest = 3, .ends = ';'}, {">abc", "ab"});
}

} // namespace
} // namespace subprocess::tests
