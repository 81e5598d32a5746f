#include <asio_integration/spawn_limiter.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <deque>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "io_fixture.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

struct acquired {
  int calls = 0;
  std::error_code ec;
  spawn_permit permit;

  auto handler()
  {
    return [this](std::error_code e, spawn_permit p) {
      ++calls;
      ec = e;
      permit = std::move(p);
    };
  }
};

/// A handler that does not run; whether it was destroyed can be seen.
struct dropped_handler {
  std::shared_ptr<int> alive;
  void operator()(std::error_code, spawn_permit) const { ADD_FAILURE() << "it ran"; }
};

class limiting : public io_fixture {
protected:
  void run_what_is_ready()
  {
    context().restart();
    context().poll();
  }
};
SUBPROCESS_FOR_EACH_SETUP(limiting);

// ---- permits ----

TEST_P(limiting, gives_permits_in_the_order_they_were_asked_for)
{
  spawn_limiter limiter(context(), 2);
  EXPECT_EQ(limiter.most(), 2u);
  std::vector<acquired> all(5);
  for (acquired& one : all)
    limiter.async_acquire(one.handler());
  EXPECT_EQ(all[0].calls, 0) << "called from within";
  EXPECT_TRUE(is_busy()) << "whoever waits keeps the loop busy";
  EXPECT_EQ(all[0].calls + all[1].calls, 2);
  EXPECT_TRUE(all[0].permit && all[1].permit);
  EXPECT_EQ(limiter.in_flight(), 2u);
  for (std::size_t i = 2; i < all.size(); ++i) {
    EXPECT_EQ(all[i].calls, 0);
    all[i - 1].permit.release();
    EXPECT_EQ(limiter.in_flight(), 2u) << "handed on";
    run_what_is_ready();
    EXPECT_EQ(all[i].calls, 1);
    EXPECT_FALSE(all[i].ec);
  }
  all.clear();
  EXPECT_EQ(limiter.in_flight(), 0u);
}

TEST_P(limiting, nobody_takes_a_permit_that_was_handed_on)
{
  spawn_limiter limiter(context(), 1);
  acquired first, second, third;
  limiter.async_acquire(first.handler());
  limiter.async_acquire(second.handler());
  run_what_is_ready();
  first.permit.release(); // On its way to the second.
  limiter.async_acquire(third.handler());
  run_what_is_ready();
  EXPECT_EQ(second.calls, 1);
  EXPECT_EQ(third.calls, 0);
  second.permit.release();
  run_to_end();
  EXPECT_EQ(third.calls, 1);
}

TEST_P(limiting, takes_none_for_one)
{
  EXPECT_EQ(spawn_limiter(context(), 0).most(), 1u);
}

TEST_P(limiting, a_permit_is_given_back_once)
{
  spawn_limiter limiter(context(), 2);
  std::deque<acquired> all(2);
  for (acquired& one : all)
    limiter.async_acquire(one.handler());
  run_to_end();
  spawn_permit moved = std::move(all[0].permit);
  EXPECT_FALSE(all[0].permit);
  EXPECT_EQ(limiter.in_flight(), 2u);
  moved = std::move(all[1].permit);
  EXPECT_EQ(limiter.in_flight(), 1u) << "what was assigned to is given back";
  moved.release();
  moved.release();
  EXPECT_FALSE(moved);
  EXPECT_EQ(limiter.in_flight(), 0u);
}

TEST_P(limiting, a_permit_outlives_the_limiter_and_the_context)
{
  acquired one;
  {
    spawn_limiter limiter(context(), 1);
    limiter.async_acquire(one.handler());
    run_to_end();
  }
  end_context();
  EXPECT_TRUE(one.permit);
  one.permit.release();
}

TEST_P(limiting, permits_can_be_given_back_on_any_thread)
{
  constexpr int count = 500;
  spawn_limiter limiter(context(), 3);
  asio::thread_pool pool(4);
  std::atomic<int> now = 0;
  std::atomic<int> most = 0;
  std::atomic<int> given = 0;
  for (int i = 0; i < count; ++i)
    limiter.async_acquire(asio::bind_executor(pool, [&](std::error_code ec, spawn_permit permit) {
      const int held = ++now;
      for (int seen = most; held > seen && !most.compare_exchange_weak(seen, held);) {
      }
      given += !ec && permit;
      --now;
    }));
  run_to_end(); // What is told goes by the limiter's own context.
  pool.join();
  EXPECT_EQ(given, count);
  EXPECT_LE(most, 3);
  EXPECT_EQ(limiter.in_flight(), 0u);
}

// ---- cancellation, destruction ----

TEST_P(limiting, a_cancelled_waiter_leaves_the_queue)
{
  spawn_limiter limiter(context(), 1);
  asio::cancellation_signal cancel;
  acquired first, second, third;
  limiter.async_acquire(first.handler());
  limiter.async_acquire(asio::bind_cancellation_slot(cancel.slot(), second.handler()));
  limiter.async_acquire(third.handler());
  run_what_is_ready();
  cancel.emit(asio::cancellation_type::partial);
  run_what_is_ready();
  EXPECT_EQ(second.calls, 1);
  EXPECT_EQ(second.ec, asio::error::operation_aborted);
  EXPECT_FALSE(second.permit);
  cancel.emit(asio::cancellation_type::partial); // Nothing any more.
  first.permit.release();
  run_to_end();
  EXPECT_EQ(third.calls, 1);
  EXPECT_FALSE(third.ec);
}

TEST_P(limiting, the_end_of_the_limiter_aborts_the_waiters)
{
  std::optional<spawn_limiter> limiter(std::in_place, context(), 1);
  acquired first, second;
  limiter->async_acquire(first.handler());
  limiter->async_acquire(second.handler());
  run_what_is_ready();
  limiter.reset();
  EXPECT_EQ(second.calls, 0) << "called from within";
  run_to_end();
  EXPECT_EQ(second.calls, 1);
  EXPECT_EQ(second.ec, asio::error::operation_aborted);
  EXPECT_TRUE(first.permit);
}

TEST_P(limiting, the_end_of_the_context_drops_the_waiters)
{
  acquired first;
  std::weak_ptr<int> alive;
  spawn_limiter limiter(context(), 1);
  limiter.async_acquire(first.handler());
  run_to_end();
  {
    dropped_handler dropped{std::make_shared<int>()};
    alive = dropped.alive;
    limiter.async_acquire(std::move(dropped));
  }
  EXPECT_FALSE(alive.expired());
  end_context();
  EXPECT_TRUE(alive.expired());
  first.permit.release(); // There is nobody to hand it to.
  EXPECT_EQ(limiter.in_flight(), 0u);
}

// Each coroutine's frame has a permit, or waits for one: dropping the first of them
// gives a permit back in the middle of the shutdown.
TEST_P(limiting, the_end_of_the_context_drops_waiters_that_hold_permits)
{
  auto limiter = std::make_shared<spawn_limiter>(context(), 2);
  const auto hold_two = [](std::shared_ptr<spawn_limiter> shared) -> asio::awaitable<void> {
    const spawn_permit one = co_await shared->async_acquire(asio::use_awaitable);
    const spawn_permit two = co_await shared->async_acquire(asio::use_awaitable);
    ADD_FAILURE() << "there are not so many";
  };
  for (int i = 0; i < 2; ++i)
    asio::co_spawn(context(), hold_two(limiter), [](const std::exception_ptr&) { ADD_FAILURE() << "it ran"; });
  EXPECT_TRUE(is_busy());
  EXPECT_EQ(limiter->in_flight(), 2u);
  end_context();
  EXPECT_EQ(limiter->in_flight(), 0u);
}

// ---- children ----

TEST_P(limiting, what_is_asked_while_the_context_ends_is_dropped)
{
  const auto alive = std::make_shared<int>();
  spawn_limiter limiter(context(), 1);
  acquired held;
  limiter.async_acquire(held.handler());
  run_to_end();
  std::shared_ptr<void> asks(nullptr, [&limiter, alive](void*) {
    limiter.async_acquire([alive](std::error_code, const spawn_permit&) { ADD_FAILURE(); });
  });
  limiter.async_acquire([asked = std::move(asks)](std::error_code, const spawn_permit&) { ADD_FAILURE(); });
  end_context();
  EXPECT_EQ(alive.use_count(), 1);
}

TEST_P(limiting, runs_so_many_children_at_a_time)
{
  constexpr int count = 12;
  spawn_limiter limiter(context(), 3);
  int ended = 0;
  for (int i = 0; i < count; ++i)
    limiter.async_run(helper({"exit", std::to_string(i)}), [&, i](std::error_code ec, exit_status status) {
      EXPECT_FALSE(ec);
      EXPECT_EQ(status.code(), i);
      EXPECT_LE(limiter.in_flight(), 3u);
      ++ended;
    });
  EXPECT_EQ(limiter.in_flight(), 3u);
  run_to_end();
  EXPECT_EQ(ended, count);
  EXPECT_EQ(limiter.in_flight(), 0u);
}

TEST_P(limiting, captures_under_the_limit)
{
  spawn_limiter limiter(context(), 1);
  std::vector<std::string> outputs;
  const auto keep = [&](std::error_code ec, const captured_output& output) {
    EXPECT_FALSE(ec);
    outputs.push_back(output.out);
  };
  limiter.async_capture(helper({"echo", "1"}), keep);
  limiter.async_capture(helper({"cat"}), {.input = "2"}, keep);
  run_to_end();
  EXPECT_EQ(outputs, (std::vector<std::string>{"1\n", "2"}));
}

TEST_P(limiting, gives_the_permit_back_after_a_failure)
{
  spawn_limiter limiter(context(), 1);
  std::vector<std::error_code> errors;
  const auto keep = [&](std::error_code ec, exit_status) {
    EXPECT_EQ(limiter.in_flight(), 0u) << "back when the handler is called";
    errors.push_back(ec);
  };
  limiter.async_run(program("/nonexistent"), keep);
  run_to_end();
  limiter.async_run(helper({"hang"}), {.limit = 20ms}, keep);
  run_to_end();
  ASSERT_EQ(errors.size(), 2u);
  EXPECT_EQ(errors[0], std::errc::no_such_file_or_directory);
  EXPECT_EQ(errors[1], std::error_code(ETIMEDOUT, std::system_category()));
}

TEST_P(limiting, a_run_is_cancelled_at_any_time)
{
  for (int handlers = 0; handlers < 12; ++handlers) {
    spawn_limiter limiter(context(), 1);
    asio::cancellation_signal cancel_first;
    asio::cancellation_signal cancel_second;
    wait_result first, second;
    limiter.async_run(helper({"hang"}), asio::bind_cancellation_slot(cancel_first.slot(), first.handler()));
    limiter.async_run(helper({"hang"}), asio::bind_cancellation_slot(cancel_second.slot(), second.handler()));
    context().restart();
    for (int i = 0; i < handlers; ++i)
      context().run_one_for(5ms);
    if (handlers % 2) // The second gets its permit and is cancelled at once.
      cancel_first.emit(asio::cancellation_type::terminal);
    cancel_second.emit(asio::cancellation_type::terminal);
    cancel_first.emit(asio::cancellation_type::terminal);
    run_to_end();
    EXPECT_EQ(first.calls, 1);
    EXPECT_EQ(first.ec, asio::error::operation_aborted);
    EXPECT_EQ(second.calls, 1);
    EXPECT_EQ(second.ec, asio::error::operation_aborted);
    EXPECT_EQ(limiter.in_flight(), 0u);
    EXPECT_FALSE(has_children());
  }
}

TEST_P(limiting, runs_end_with_the_context)
{
  for (const int handlers : {0, 1, 4}) {
    wait_result result;
    spawn_limiter limiter(context(), 1);
    for (int i = 0; i < 3; ++i)
      limiter.async_run(helper({"hang"}), result.handler());
    context().restart();
    for (int i = 0; i < handlers; ++i)
      context().run_one_for(5ms);
    end_context();
    EXPECT_EQ(result.calls, 0);
    EXPECT_EQ(limiter.in_flight(), 0u);
    EXPECT_TRUE(all_children_gone());
  }
}

TEST_P(limiting, a_permit_can_be_awaited)
{
  spawn_limiter limiter(context(), 1);
  bool good = false;
  const auto work = [&]() -> asio::awaitable<void> {
    const spawn_permit permit = co_await limiter.async_acquire(asio::use_awaitable);
    good = permit && limiter.in_flight() == 1;
  };
  asio::co_spawn(context(), work, [](const std::exception_ptr& failure) { EXPECT_FALSE(failure); });
  run_to_end();
  EXPECT_TRUE(good);
}

} // namespace
} // namespace subprocess::tests
