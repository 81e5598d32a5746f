#include <subprocess/detail/streams/capture_buffer.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string_view>

namespace subprocess::tests {
namespace {

using detail::capture_buffer;

capture_options limited(std::size_t limit, overflow on_overflow)
{
  return {.max_bytes = limit, .on_overflow = on_overflow};
}

void feed(capture_buffer& buffer, std::string_view text)
{
  while (!text.empty()) {
    const auto room = buffer.room();
    const std::size_t size = std::min(room.size(), text.size());
    std::ranges::copy(text.substr(0, size), room.begin());
    buffer.add(size);
    text.remove_prefix(size);
  }
}

constexpr overflow all_policies[] = {overflow::fail, overflow::truncate, overflow::keep_ends, overflow::kill};

TEST(capture_buffer, keeps_everything_up_to_the_limit)
{
  for (const overflow policy : all_policies) {
    capture_buffer buffer(limited(6, policy));
    feed(buffer, "abc");
    feed(buffer, "def");
    EXPECT_FALSE(buffer.must_stop());
    EXPECT_EQ(buffer.dropped(), 0u);
    EXPECT_EQ(buffer.take(), "abcdef");
  }
}

TEST(capture_buffer, one_byte_more_is_too_much)
{
  for (const overflow policy : {overflow::fail, overflow::kill}) {
    capture_buffer buffer(limited(6, policy));
    feed(buffer, "abcdefg");
    EXPECT_TRUE(buffer.must_stop());
    EXPECT_EQ(buffer.dropped(), 1u);
    EXPECT_EQ(buffer.take(), "abcdef");
  }
}

TEST(capture_buffer, truncate_keeps_the_head_and_counts_the_rest)
{
  capture_buffer buffer(limited(4, overflow::truncate));
  for (int i = 0; i < 1000; ++i)
    feed(buffer, "abcdef");
  EXPECT_FALSE(buffer.must_stop());
  EXPECT_EQ(buffer.dropped(), 5996u);
  EXPECT_EQ(buffer.take(), "abcd");
}

TEST(capture_buffer, keep_ends_keeps_head_and_tail)
{
  capture_buffer buffer(limited(5, overflow::keep_ends));
  feed(buffer, "0123456789");
  feed(buffer, "xyz");
  EXPECT_FALSE(buffer.must_stop());
  EXPECT_EQ(buffer.dropped(), 8u);
  EXPECT_EQ(buffer.take(), "012yz");
}

TEST(capture_buffer, keep_ends_of_any_limit_in_steps_of_any_size)
{
  std::string whole(1000, ' ');
  for (std::size_t i = 0; i < whole.size(); ++i)
    whole[i] = static_cast<char>('a' + i % 26);
  for (const std::size_t limit : {0u, 1u, 2u, 3u, 64u, 999u, 1000u, 1001u})
    for (const std::size_t step : {1u, 2u, 7u, 500u, 1000u}) {
      capture_buffer buffer(limited(limit, overflow::keep_ends));
      for (std::size_t at = 0; at < whole.size(); at += step)
        feed(buffer, std::string_view(whole).substr(at, step));
      const std::string expected =
          limit >= whole.size() ? whole : whole.substr(0, limit - limit / 2) + whole.substr(whole.size() - limit / 2);
      EXPECT_EQ(buffer.take(), expected) << limit << ' ' << step;
    }
}

TEST(capture_buffer, takes_no_more_memory_than_the_limit_and_a_half)
{
  constexpr std::size_t limit = 1 << 20;
  capture_buffer buffer(limited(limit, overflow::keep_ends));
  const std::string block(100'000, 'x');
  std::size_t most = 0;
  for (int i = 0; i < 200; ++i) {
    most = std::max(most, limit + limit / 2 + buffer.room().size());
    feed(buffer, block);
  }
  EXPECT_LE(most, 2 * limit + (1 << 17));
  EXPECT_EQ(buffer.take().size(), limit);
}

TEST(capture_buffer, takes_no_memory_to_find_that_a_full_chunk_was_all)
{
  capture_buffer buffer(limited(1 << 20, overflow::fail));
  const std::size_t chunk = buffer.room().size();
  const std::string block(chunk, 'x');
  feed(buffer, block);
  EXPECT_LT(buffer.room().size(), chunk / 64);
  feed(buffer, "and more: " + block);
  EXPECT_GE(buffer.room().size(), chunk / 4);
  EXPECT_TRUE(buffer.take() == block + "and more: " + block);
}

TEST(capture_buffer, a_limit_of_nothing_and_one_of_everything)
{
  capture_buffer nothing(limited(0, overflow::truncate));
  feed(nothing, "abc");
  EXPECT_EQ(nothing.dropped(), 3u);
  EXPECT_EQ(nothing.take(), "");
  for (const overflow policy : all_policies) {
    capture_buffer everything(limited(std::numeric_limits<std::size_t>::max(), policy));
    feed(everything, "abc");
    EXPECT_FALSE(everything.must_stop());
    EXPECT_EQ(everything.take(), "abc");
  }
}

} // namespace
} // namespace subprocess::tests
