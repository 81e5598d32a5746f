// Completion tokens and adaptors that Asio has from 1.30 on, with every function.

#include <asio_integration/asio_integration.hpp>

#include <gtest/gtest.h>

#include <asio/append.hpp>
#include <asio/as_tuple.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/bind_immediate_executor.hpp>
#include <asio/cancel_after.hpp>
#include <asio/cancel_at.hpp>
#include <asio/co_spawn.hpp>
#include <asio/consign.hpp>
#include <asio/deferred.hpp>
#include <asio/experimental/co_composed.hpp>
#include <asio/experimental/parallel_group.hpp>
#include <asio/experimental/promise.hpp> // use_promise.hpp needs it.
#include <asio/experimental/use_promise.hpp>
#include <asio/prepend.hpp>
#include <asio/redirect_error.hpp>
#include <asio/strand.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "every_function.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

class newer_token : public every_function {
protected:
  void TearDown() override
  {
    kept_.clear();
    every_function::TearDown();
  }

  /// The handler of what is cancelled.
  auto aborted()
  {
    return [this](std::error_code ec, auto&&...) { told(ec); };
  }

  void told(std::error_code ec)
  {
    ++calls_;
    aborted_ += ec == asio::error::operation_aborted;
  }

  /// All waited for something, but for the spawn, which may have been quicker.
  void expect_all_aborted()
  {
    EXPECT_EQ(calls_, count());
    EXPECT_GE(aborted_, count() - 1);
  }

  /// Has a coroutine await each, and count those that came to an end.
  template <class MakeToken, class Look>
  void await_all(MakeToken token, Look look)
  {
    start_all(token, [&](auto start) {
      auto await = [start, look]() mutable -> asio::awaitable<void> { look(co_await start()); };
      asio::co_spawn(context(), std::move(await), [this](std::exception_ptr error) { calls_ += !error; });
    });
    is_busy(); // Starts them.
  }

  std::vector<std::shared_ptr<void>> kept_;
  std::size_t aborted_ = 0;
};
SUBPROCESS_FOR_EACH_SETUP(newer_token);

TEST_P(newer_token, cancel_after_ends_every_function)
{
  start_all([&] { return asio::cancel_after(10ms, aborted()); });
  run_to_end();
  expect_all_aborted();
}

TEST_P(newer_token, cancel_at_ends_every_function)
{
  start_all([&] { return asio::cancel_at(std::chrono::steady_clock::now() + 10ms, aborted()); });
  run_to_end();
  expect_all_aborted();
}

TEST_P(newer_token, cancel_after_lets_all_succeed_in_time)
{
  start_all([&] { return asio::cancel_after(1h, counted()); });
  finish();
  EXPECT_EQ(calls_, count());
}

TEST_P(newer_token, cancel_after_works_in_a_coroutine)
{
  std::size_t resumed = 0;
  await_all([] { return asio::cancel_after(10ms, asio::as_tuple(asio::use_awaitable)); },
            [&](const auto& result) {
              ++resumed;
              aborted_ += std::get<0>(result) == asio::error::operation_aborted;
            });
  run_to_end();
  EXPECT_EQ(resumed, count());
  expect_all_aborted();
}

TEST_P(newer_token, cancel_after_works_on_a_strand_and_with_a_slot_besides)
{
  const auto strand = asio::make_strand(context());
  std::deque<asio::cancellation_signal> signals;
  start_all([&] {
    auto slot = signals.emplace_back().slot();
    return asio::bind_executor(strand, asio::bind_cancellation_slot(slot, asio::cancel_after(1h, aborted())));
  });
  for (auto& one : signals)
    one.emit(asio::cancellation_type::terminal);
  run_to_end();
  expect_all_aborted();
}

TEST_P(newer_token, cancel_after_works_with_what_is_deferred)
{
  start_all([] { return asio::cancel_after(10ms, asio::deferred); },
            [&](auto start) {
              auto operation = std::make_shared<decltype(start())>(start());
              std::move (*operation)(aborted());
              kept_.push_back(operation);
            });
  run_to_end();
  expect_all_aborted();
}

TEST_P(newer_token, appended_prepended_and_consigned_values_arrive)
{
  start_all([&] {
    return asio::append(asio::consign(asio::prepend(
                                          [counted = counted()](int first, std::error_code ec, auto&&...) {
                                            EXPECT_EQ(first, 1);
                                            counted(ec);
                                          },
                                          1),
                                      std::make_unique<int>(3)),
                        2);
  });
  finish();
  EXPECT_EQ(calls_, count());
}

TEST_P(newer_token, an_immediate_executor_changes_nothing)
{
  bool is_starting = true;
  start_all([&] {
    return asio::bind_immediate_executor(asio::system_executor(),
                                         [&, counted = counted()](std::error_code ec, auto&&...) {
                                           EXPECT_FALSE(is_starting) << "called from within";
                                           counted(ec);
                                         });
  });
  is_starting = false;
  finish();
  EXPECT_EQ(calls_, count());
}

TEST_P(newer_token, an_awaitable_gives_a_tuple_or_its_error)
{
  await_all([] { return asio::as_tuple; }, [](const auto& result) { EXPECT_FALSE(std::get<0>(result)); });
  std::error_code ec;
  start_all([&] { return asio::redirect_error(ec); },
            [&](auto start) {
              auto await = [start]() mutable -> asio::awaitable<void> { co_await start(); };
              asio::co_spawn(context(), std::move(await), [this](std::exception_ptr error) { calls_ += !error; });
            });
  is_busy(); // Starts them.
  let_finish();
  run_to_end();
  EXPECT_EQ(calls_, count());
  EXPECT_FALSE(ec);
}

TEST_P(newer_token, needs_no_token_in_a_coroutine)
{
  asio::co_spawn(
      context(),
      [this]() -> asio::awaitable<void> {
        const command one = helper({"exit", "1"});
        const command text = helper({"echo", "text"});
        EXPECT_EQ((co_await async_run(context(), one)).code(), 1);
        EXPECT_EQ((co_await async_capture(context(), text)).out, "text\n");
        async_child spawned = co_await async_spawn(context(), one);
        EXPECT_EQ((co_await spawned.async_wait()).code(), 1);
      },
      [this](std::exception_ptr error) { calls_ += !error; });
  run_to_end();
  EXPECT_EQ(calls_, 1u);
}

TEST_P(newer_token, a_promise_keeps_it)
{
  start_all([] { return asio::experimental::use_promise; },
            [&](auto start) {
              auto promise = std::make_shared<decltype(start())>(start());
              std::move (*promise)(counted());
              kept_.push_back(promise);
            });
  finish();
  EXPECT_EQ(calls_, count());
}

// Asio's coroutine has an operator new for which g++ sees no matching delete.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

TEST_P(newer_token, a_composed_coroutine_awaits_every_function)
{
  start_all([] { return asio::deferred; },
            [&](auto start) {
              asio::async_initiate<decltype(counted()), void(std::error_code)>(
                  asio::experimental::co_composed<void(std::error_code)>(
                      [start](auto state) mutable -> void {
                        state.throw_if_cancelled(false);
                        const auto result = co_await std::move(start)()(asio::as_tuple(asio::deferred));
                        co_yield state.complete(std::get<0>(result));
                      },
                      context()),
                  *std::make_unique<decltype(counted())>(counted()));
            });
  finish();
  EXPECT_EQ(calls_, count());
}

TEST_P(newer_token, a_parallel_group_takes_whichever_is_first)
{
  wait_result ignored;
  int calls = 0;
  asio::experimental::make_parallel_group(async_run(context(), helper({"hang"}), asio::deferred),
                                          async_capture(context(), helper({"echo", "text"}), asio::deferred))
      .async_wait(asio::experimental::wait_for_one(),
                  [&](auto order, std::error_code run_ec, exit_status, std::error_code ec, captured_output output) {
                    ++calls;
                    EXPECT_EQ(order[0], 1u);
                    EXPECT_EQ(run_ec, asio::error::operation_aborted);
                    EXPECT_FALSE(ec);
                    EXPECT_EQ(output.out, "text\n");
                  });
  run_to_end();
  EXPECT_EQ(calls, 1);
}

} // namespace
} // namespace subprocess::tests
