#include <gtest/gtest.h>
#include <sys/resource.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/post.hpp>

#include <algorithm>
#include <csignal>
#include <deque>
#include <memory>
#include <vector>

#include <asio_integration/asio_integration.hpp>

#include "allocations.hpp"
#include "io_fixture.hpp"

namespace subprocess::tests {
namespace {

/// Room for many descriptors while it lives.
class many_descriptors {
public:
  many_descriptors()
  {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit raised{before_.rlim_max, before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &raised);
  }
  ~many_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
  rlimit before_{};
};

class load : public io_fixture {
protected:
  /// A thousand; fewer by fork, which copies page tables, and under a sanitizer
  /// those are large.
  const std::size_t count_ = GetParam().which == launcher::fork ? 200 : 1000;
};
SUBPROCESS_FOR_EACH_SETUP(load);

TEST_P(load, very_many_children_at_once)
{
  const many_descriptors room;
  std::vector<async_child> children;
  std::deque<wait_result> results(count_);
  const command hang = helper({"hang"});
  for (std::size_t i = 0; i < count_; ++i) {
    children.push_back(start(hang));
    children.back().async_wait(results[i].handler());
  }
  EXPECT_TRUE(is_busy());
  for (const wait_result& result : results)
    ASSERT_EQ(result.calls, 0);

  // One in their midst, alone; then all.
  children[count_ / 2].kill();
  run_until([&] { return results[count_ / 2].calls == 1; });
  for (std::size_t i = 0; i < count_; ++i)
    if (i != count_ / 2) {
      ASSERT_EQ(results[i].calls, 0);
      children[i].send_signal(i % 2 ? SIGKILL : SIGTERM);
    }
  run_to_end();
  for (std::size_t i = 0; i < count_; ++i) {
    ASSERT_EQ(results[i].calls, 1);
    ASSERT_EQ(results[i].status.signal(), i % 2 || i == count_ / 2 ? SIGKILL : SIGTERM);
  }
  EXPECT_FALSE(has_children());
}

TEST_P(load, very_many_children_dropped_at_once)
{
  const many_descriptors room;
  {
    std::vector<async_child> children;
    const command hang = helper({"hang"});
    for (std::size_t i = 0; i < count_; ++i)
      children.push_back(start(hang));
  }
  run_to_end();
  EXPECT_FALSE(has_children());
}

TEST_P(load, very_many_children_with_permits_waited_for_together)
{
  const many_descriptors room;
  spawn_limiter limiter(context(), count_);
  std::vector<async_child> children;
  std::deque<spawn_permit> permits;
  const command hang = helper({"hang"});
  for (std::size_t i = 0; i < count_; ++i)
    limiter.async_acquire([&](std::error_code, spawn_permit permit) {
      permits.push_back(std::move(permit));
      async_spawn(context(), hang, [&](std::error_code ec, async_child child) {
        ASSERT_FALSE(ec) << ec.message();
        children.push_back(std::move(child));
      });
    });
  run_until([&] { return children.size() == count_; });
  EXPECT_EQ(limiter.in_flight(), count_);
  bool one_more = false;
  limiter.async_acquire([&](std::error_code, spawn_permit) { one_more = true; });

  std::vector<subprocess::wait_result> results;
  async_wait_all(children,
                 [&](std::error_code, std::vector<subprocess::wait_result> all) { results = std::move(all); });
  std::size_t first = 0;
  async_wait_any(children, [&](std::error_code, std::size_t index, exit_status) { first = index; });
  children[count_ / 2].kill();
  run_until([&] { return first == count_ / 2; });
  EXPECT_TRUE(results.empty());
  EXPECT_FALSE(one_more);
  for (async_child& child : children)
    if (!child.status())
      child.kill();
  permits.pop_front();
  run_to_end();
  EXPECT_TRUE(one_more);
  EXPECT_EQ(results, std::vector(count_, subprocess::wait_result{{}, exit_status(SIGKILL)}));
  EXPECT_FALSE(has_children());
}

TEST_P(load, very_many_runs_eight_at_a_time)
{
  spawn_limiter limiter(context(), 8);
  std::size_t good = 0;
  std::size_t most = 0;
  const command exits = helper({"exit", "0"});
  for (std::size_t i = 0; i < count_; ++i)
    limiter.async_run(exits, [&](std::error_code ec, exit_status status) {
      good += !ec && status.success();
      most = std::max(most, limiter.in_flight());
    });
  run_to_end();
  EXPECT_EQ(good, count_);
  EXPECT_LE(most, 8u);
  EXPECT_EQ(limiter.in_flight(), 0u);
}

/// Does `step` in handlers of the loop, one after the other, and counts what
/// the last half of them allocates.
class stepper {
public:
  explicit stepper(asio::io_context& context) : context_(context) {}

  template <class Start>
  std::size_t allocations_of(Start start)
  {
    step(start, 0);
    context_.restart();
    context_.run_for(patience);
    EXPECT_TRUE(done_);
    return counted_;
  }

private:
  static constexpr int steps = 200;

  template <class Start>
  void step(Start& start, int number)
  {
    if (number == steps / 2)
      counted_ = allocations_here();
    if (number == steps) {
      counted_ = allocations_here() - counted_;
      done_ = true;
      return;
    }
    start([this, &start, number](std::error_code, exit_status) { step(start, number + 1); });
  }

  asio::io_context& context_;
  std::size_t counted_ = 0;
  bool done_ = false;
};

TEST_P(load, waiting_for_an_ended_child_allocates_nothing)
{
  async_child helper = start(this->helper({"exit", "0"}));
  end_of(helper);
  EXPECT_EQ(stepper(context()).allocations_of([&](auto next) { helper.async_wait(std::move(next)); }), 0u);
}

TEST_P(load, waiting_and_giving_up_allocates_nothing)
{
  async_child helper = start(this->helper({"hang"}));
  asio::cancellation_signal cancel;
  const auto wait_and_cancel = [&](auto next) {
    helper.async_wait(asio::bind_cancellation_slot(cancel.slot(), std::move(next)));
    cancel.emit(asio::cancellation_type::total);
  };
  EXPECT_EQ(stepper(context()).allocations_of(wait_and_cancel), 0u);
}

TEST_P(load, counting_allocations_counts)
{
  const auto allocating = [&](auto next) {
    asio::post(context(), [next, p = std::make_unique<int>(1)]() mutable { next({}, {}); });
  };
  EXPECT_GE(stepper(context()).allocations_of(allocating), 100u);
}

} // namespace
} // namespace subprocess::tests
