#include <subprocess/detail/streams/capture_policy.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <optional>
#include <system_error>

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;
using detail::capture_policy;

constexpr capture_policy::streams out = capture_policy::only(0);
constexpr capture_policy::streams err = capture_policy::only(1);
constexpr capture_policy::streams terminal = capture_policy::only(2);
constexpr capture_policy::streams both = out | err;

struct made {
  overflow on_overflow = overflow::fail;
  std::optional<std::chrono::nanoseconds> grace = std::nullopt;
  bool ours = true;
  capture_policy::streams kept = both;
};

/// A policy that reads some streams, and which of them are open.
class capture_policies : public ::testing::Test {
protected:
  capture_policy& make(capture_policy::streams read, const made& how = {})
  {
    policy_.emplace(how.kept, how.on_overflow, how.grace, how.ours);
    for (std::size_t i = 0; i < capture_policy::count; ++i)
      if (read & capture_policy::only(i))
        policy_->begins(i);
    return *policy_;
  }

private:
  std::optional<capture_policy> policy_;
};

std::error_code code(int number)
{
  return {number, std::system_category()};
}

TEST_F(capture_policies, of_no_stream_reads_nothing)
{
  capture_policy& policy = make(0);
  EXPECT_FALSE(policy.is_reading());
  const auto given = policy.child_ended(0);
  EXPECT_FALSE(given.close || given.stop || given.kill || given.wait);
}

TEST_F(capture_policies, a_stream_that_ends_is_closed_and_the_last_ends_all)
{
  capture_policy& policy = make(both);
  auto given = policy.ends(0, {}, both);
  EXPECT_EQ(given.close, out);
  EXPECT_FALSE(given.over || given.stop);
  EXPECT_TRUE(policy.is_reading());
  given = policy.ends(1, {}, err);
  EXPECT_EQ(given.close, err);
  EXPECT_TRUE(given.over);
  EXPECT_FALSE(policy.is_reading());
  EXPECT_FALSE(policy.error());
  EXPECT_FALSE(policy.left_open());
}

TEST_F(capture_policies, without_a_grace_streams_are_read_to_their_ends)
{
  capture_policy& policy = make(both);
  const auto given = policy.child_ended(both);
  EXPECT_FALSE(given.close || given.stop || given.wait);
  EXPECT_FALSE(policy.is_giving_up());
}

TEST_F(capture_policies, a_grace_begins_when_the_child_has_ended)
{
  capture_policy& policy = make(both, {.grace = 5ms});
  EXPECT_TRUE(policy.child_ended(both).wait);
  EXPECT_EQ(policy.grace(), 5ms);
  const auto given = policy.grace_passed(both);
  EXPECT_EQ(given.stop, both);
  EXPECT_EQ(given.close, 0u) << "reads have the last word";
  EXPECT_TRUE(policy.is_giving_up());
  EXPECT_EQ(policy.ends(0, {.error = code(ECANCELED)}, both).close, out);
  EXPECT_TRUE(policy.ends(1, {.error = code(ECANCELED)}, err).over);
  EXPECT_FALSE(policy.error()) << "that was us";
  EXPECT_TRUE(policy.left_open());
}

TEST_F(capture_policies, what_came_to_its_end_in_its_last_word_is_not_left_open)
{
  capture_policy& policy = make(both, {.grace = 0ms});
  policy.child_ended(both);
  EXPECT_EQ(policy.grace_passed(both).stop, both);
  policy.ends(0, {}, both);
  policy.ends(1, {.left = true, .error = code(EIO)}, err);
  EXPECT_FALSE(policy.left_open());
}

TEST_F(capture_policies, a_grace_that_passes_when_all_is_over_changes_nothing)
{
  capture_policy& policy = make(out, {.grace = 5ms});
  policy.child_ended(out);
  policy.ends(0, {}, out);
  EXPECT_EQ(policy.grace_passed(0).stop, 0u);
  EXPECT_FALSE(policy.is_giving_up());
  EXPECT_FALSE(policy.left_open());
}

TEST_F(capture_policies, what_is_dropped_is_read_no_longer_than_what_is_kept)
{
  capture_policy& policy = make(both | terminal);
  EXPECT_EQ(policy.child_ended(both | terminal).stop, 0u);
  EXPECT_EQ(policy.ends(0, {}, both | terminal).stop, 0u);
  const auto given = policy.ends(1, {}, err | terminal);
  EXPECT_EQ(given.close, err);
  EXPECT_EQ(given.stop, terminal);
  EXPECT_FALSE(given.over);
  EXPECT_FALSE(policy.left_open()) << "nobody wants that";
}

TEST_F(capture_policies, where_nothing_is_kept_the_end_of_the_child_ends_all)
{
  capture_policy& policy = make(both, {.grace = 1h, .kept = 0});
  const auto given = policy.child_ended(both);
  EXPECT_EQ(given.stop, both);
  EXPECT_FALSE(given.wait);
  EXPECT_FALSE(policy.left_open());
}

TEST_F(capture_policies, too_much_is_an_error_and_closes_what_is_kept)
{
  capture_policy& policy = make(both | terminal);
  const auto given = policy.exceeds(both | terminal);
  EXPECT_EQ(given.close, both);
  EXPECT_FALSE(given.kill);
  EXPECT_EQ(policy.error(), code(ENOBUFS));
  policy.ends(1, {.by_us = true, .error = code(ECANCELED)}, terminal);
  EXPECT_EQ(policy.error(), code(ENOBUFS));
}

TEST_F(capture_policies, too_much_can_kill)
{
  EXPECT_TRUE(make(out, {.on_overflow = overflow::kill}).exceeds(out).kill);
}

TEST_F(capture_policies, the_first_error_of_what_is_kept_is_told)
{
  capture_policy& policy = make(both | terminal);
  policy.ends(2, {.error = code(EIO)}, both | terminal);
  EXPECT_FALSE(policy.error()) << "nobody wants what it says";
  policy.ends(1, {.error = code(ENOMEM)}, both);
  policy.ends(0, {.error = code(EBADF)}, out);
  EXPECT_EQ(policy.error(), code(ENOMEM));
}

TEST_F(capture_policies, a_terminal_is_not_hung_up_on_while_the_child_may_come_back)
{
  capture_policy& policy = make(out);
  const capture_policy::ending left{.left = true, .error = code(EIO)};
  auto given = policy.ends(0, left, out);
  EXPECT_EQ(given.close, 0u);
  EXPECT_TRUE(given.over);
  EXPECT_FALSE(policy.error());
  EXPECT_EQ(policy.child_ended(out).close, out);

  capture_policy& later = make(out);
  later.child_ended(out);
  EXPECT_EQ(later.ends(0, left, out).close, out);
}

TEST_F(capture_policies, streams_of_the_callers_that_are_given_up_stay_open)
{
  capture_policy& policy = make(both, {.ours = false});
  EXPECT_EQ(policy.ends(0, {}, both).close, out) << "it has come to its end";
  EXPECT_EQ(policy.give_up(err).stop, err);
  EXPECT_EQ(policy.ends(1, {.error = code(ECANCELED)}, err).close, 0u);
}

TEST_F(capture_policies, what_the_caller_has_closed_counts_as_ended)
{
  capture_policy& policy = make(both);
  const auto given = policy.child_ended(0);
  EXPECT_EQ(given.close | given.stop, 0u);
  policy.ends(0, {.by_us = true, .error = code(EBADF)}, 0);
  EXPECT_TRUE(policy.ends(1, {.by_us = true, .error = code(EBADF)}, 0).over);
  EXPECT_FALSE(policy.error());
}

} // namespace
} // namespace subprocess::tests
