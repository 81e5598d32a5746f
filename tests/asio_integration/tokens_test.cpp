#include <asio_integration/asio_integration.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <asio/bind_allocator.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <asio/version.hpp>

#if ASIO_VERSION >= 102400
#include <asio/as_tuple.hpp>
#include <asio/deferred.hpp>
#else
#include <asio/experimental/as_tuple.hpp>
#include <asio/experimental/deferred.hpp>
#endif

#include <csignal>
#include <deque>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <tuple>
#include <vector>

#include "counting_allocator.hpp"
#include "every_function.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;

#if ASIO_VERSION >= 102400
constexpr auto deferred = asio::deferred;
using asio::as_tuple;
#else
constexpr auto deferred = asio::experimental::deferred;
using asio::experimental::as_tuple;
#endif

template <class Result>
bool is_ready(std::future<Result>& future)
{
  return future.wait_for(0s) == std::future_status::ready;
}

class completion_token : public io_fixture {
protected:
  /// Runs a coroutine to its end; what it throws fails the test.
  template <class Coroutine>
  void run_coroutine(Coroutine coroutine)
  {
    bool ended = false;
    asio::co_spawn(context(), std::move(coroutine), [&](std::exception_ptr error) {
      ended = true;
      try {
        if (error)
          std::rethrow_exception(error);
      } catch (const std::exception& what) {
        ADD_FAILURE() << what.what();
      }
    });
    run_to_end();
    EXPECT_TRUE(ended);
  }
};
SUBPROCESS_FOR_EACH_SETUP(completion_token);

TEST_P(completion_token, use_future)
{
  auto spawned = async_spawn(context(), helper({"exit", "1"}), asio::use_future);
  auto ran = async_run(context(), helper({"exit", "2"}), asio::use_future);
  auto captured = async_capture(context(), helper({"echo", "text"}), asio::use_future);
  auto failed = async_run(context(), program("/nonexistent"), asio::use_future);
  EXPECT_FALSE(is_ready(failed));
  run_to_end();
  async_child child = spawned.get();
  EXPECT_EQ(ran.get().code(), 2);
  EXPECT_EQ(captured.get().out, "text\n");
  try {
    failed.get();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
  }

  auto waited = child.async_wait(asio::use_future);
  auto stopped = child.async_stop(1h, asio::use_future);
  auto changed = child.async_wait_change(asio::use_future);
  run_to_end();
  const exit_status ended = waited.get(); // By itself or by the stop.
  EXPECT_TRUE(changed.get().status == ended);
  EXPECT_TRUE(stopped.get() == ended);
}

TEST_P(completion_token, use_awaitable)
{
  run_coroutine([&]() -> asio::awaitable<void> {
    const auto executor = co_await asio::this_coro::executor;
    const command one = helper({"exit", "1"});
    async_child child = co_await async_spawn(executor, one, asio::use_awaitable);
    EXPECT_EQ((co_await child.async_wait(asio::use_awaitable)).code(), 1);
    EXPECT_EQ((co_await child.async_stop(1h, asio::use_awaitable)).code(), 1);
    EXPECT_EQ((co_await child.async_wait_change(asio::use_awaitable)).status.code(), 1);
    const command two = helper({"exit", "2"});
    EXPECT_EQ((co_await async_run(executor, two, asio::use_awaitable)).code(), 2);
    const command text = helper({"echo", "text"});
    const captured_output output = co_await async_capture(context(), text, asio::use_awaitable);
    EXPECT_EQ(output.out, "text\n");
  });
}

TEST_P(completion_token, use_awaitable_throws_what_went_wrong)
{
  run_coroutine([&]() -> asio::awaitable<void> {
    const command missing = program("/nonexistent");
    std::error_code thrown;
    try {
      co_await async_run(context(), missing, asio::use_awaitable);
    } catch (const std::system_error& error) {
      thrown = error.code();
    }
    EXPECT_EQ(thrown, std::errc::no_such_file_or_directory);

    std::error_code ec;
    co_await async_spawn(context(), missing, asio::redirect_error(asio::use_awaitable, ec));
    EXPECT_EQ(ec, std::errc::no_such_file_or_directory);
  });
}

TEST_P(completion_token, as_tuple_keeps_error_and_result)
{
  run_coroutine([&]() -> asio::awaitable<void> {
    const command one = helper({"exit", "1"});
    auto [spawn_ec, child] = co_await async_spawn(context(), one, as_tuple(asio::use_awaitable));
    EXPECT_FALSE(spawn_ec);
    const auto [wait_ec, waited] = co_await child.async_wait(as_tuple(asio::use_awaitable));
    EXPECT_EQ(waited.code(), 1);
    const auto [stop_ec, stopped] = co_await child.async_stop(1h, as_tuple(asio::use_awaitable));
    EXPECT_EQ(stopped.code(), 1);
    const auto [change_ec, change] = co_await child.async_wait_change(as_tuple(asio::use_awaitable));
    EXPECT_EQ(change.status.code(), 1);
    EXPECT_FALSE(wait_ec || stop_ec || change_ec);
    const command missing = program("/nonexistent");
    const auto [run_ec, ran] = co_await async_run(context(), missing, as_tuple(asio::use_awaitable));
    EXPECT_EQ(run_ec, std::errc::no_such_file_or_directory);
    EXPECT_EQ(ran, exit_status());
    const command writes = helper({"write-then-hang", "1", "100"});
    std::size_t size = 0;
    for (auto limit = 100ms; size == 0 && limit < patience; limit *= 2) {
      const auto [capture_ec, captured] =
          co_await async_capture(context(), writes, capture_options{.limit = limit}, as_tuple(asio::use_awaitable));
      EXPECT_EQ(capture_ec, std::errc::timed_out);
      size = captured.out.size();
    }
    EXPECT_EQ(size, 100u);
  });
}

TEST_P(completion_token, deferred_starts_when_it_is_called)
{
  async_child helper = start({"exit", "3"});
  wait_result wait, stop, run;
  captured_output captured;
  async_child spawned;
  auto deferred_wait = helper.async_wait(deferred);
  auto deferred_stop = helper.async_stop(1h, deferred);
  auto deferred_change = helper.async_wait_change(deferred);
  auto deferred_run = async_run(context(), this->helper({"exit", "4"}), deferred);
  auto deferred_capture = async_capture(context(), this->helper({"echo", "text"}), deferred);
  auto deferred_spawn = async_spawn(context(), this->helper({"exit", "5"}), deferred);
  EXPECT_FALSE(is_busy()) << "started too early";

  std::move(deferred_wait)(wait.handler());
  run_to_end();
  std::move(deferred_stop)(stop.handler());
  child_change change;
  std::move(deferred_change)([&](std::error_code, const child_change& c) { change = c; });
  std::move(deferred_run)(run.handler());
  std::move(deferred_capture)([&](std::error_code, captured_output output) { captured = std::move(output); });
  std::move(deferred_spawn)([&](std::error_code, async_child child) { spawned = std::move(child); });
  run_to_end();
  EXPECT_EQ(wait.status.code(), 3);
  EXPECT_EQ(stop.status.code(), 3);
  EXPECT_EQ(change.status.code(), 3);
  EXPECT_EQ(run.status.code(), 4);
  EXPECT_EQ(captured.out, "text\n");
  EXPECT_EQ(end_of(spawned).code(), 5);
}

// ---- every function with every kind of token ----

SUBPROCESS_FOR_EACH_SETUP(every_function);

TEST_P(every_function, takes_a_callback_that_can_only_be_moved)
{
  start_all([&] { return [counted = counted(), p = std::make_unique<int>()](auto&&... a) { counted(a...); }; });
  finish();
  EXPECT_EQ(calls_, count());
}

TEST_P(every_function, gives_a_future)
{
  std::vector<std::function<bool()>> get_all; // False when there is none yet.
  start_all([] { return asio::use_future; },
            [&](auto start) {
              get_all.push_back([f = std::make_shared<decltype(start())>(start())] {
                const bool is_there = is_ready(*f);
                if (is_there)
                  f->get();
                return is_there;
              });
            });
  let_finish();
  while (!get_all.empty()) { // What is held, like a lease, may keep others from their end.
    bool is_there = false;
    run_until([&] { return is_there = is_there || get_all.back()(); });
    get_all.pop_back();
  }
  run_to_end();
}

TEST_P(every_function, can_be_awaited)
{
  start_all([] { return asio::use_awaitable; },
            [&](auto start) {
              auto await = [start]() mutable -> asio::awaitable<void> { co_await start(); };
              asio::co_spawn(context(), std::move(await), [this](std::exception_ptr error) { calls_ += !error; });
            });
  is_busy(); // Starts them.
  finish();
  EXPECT_EQ(calls_, count());
}

TEST_P(every_function, can_be_awaited_as_a_tuple)
{
  start_all([] { return as_tuple(asio::use_awaitable); },
            [&](auto start) {
              auto await = [start, counted = counted()]() mutable -> asio::awaitable<void> {
                const auto result = co_await start();
                counted(std::get<0>(result));
              };
              asio::co_spawn(context(), std::move(await), asio::detached);
            });
  is_busy(); // Starts them.
  finish();
  EXPECT_EQ(calls_, count());
}

TEST_P(every_function, deferred_starts_when_it_is_called)
{
  std::vector<std::function<void()>> call_all;
  start_all([] { return deferred; },
            [&](auto start) {
              call_all.push_back([this, operation = std::make_shared<decltype(start())>(start())] {
                std::move (*operation)(counted());
              });
            });
  EXPECT_FALSE(is_busy()) << "started too early";
  for (const auto& call : call_all)
    call();
  finish();
  EXPECT_EQ(calls_, count());
}

TEST_P(every_function, can_be_detached)
{
  start_all([] { return asio::detached; });
  finish();
}

TEST_P(every_function, completes_on_a_bound_executor)
{
  asio::io_context elsewhere;
  start_all([&] {
    return asio::bind_executor(elsewhere, [&, counted = counted()](auto&&... args) {
      EXPECT_TRUE(elsewhere.get_executor().running_in_this_thread());
      counted(args...);
    });
  });
  elsewhere.poll();
  EXPECT_FALSE(elsewhere.stopped()) << "what is to complete there keeps it busy";
  let_finish();
  run_beside(elsewhere, [&] { return calls_ == count(); });
  run_to_end();
  elsewhere.restart();
  elsewhere.run_for(patience);
  EXPECT_TRUE(elsewhere.stopped());
  EXPECT_EQ(calls_, count());
}

TEST_P(every_function, uses_a_bound_allocator)
{
  memory_account counts;
  const auto with_allocator = [&] { return asio::bind_allocator(counting_allocator<int>(counts), counted()); };
  start_all(with_allocator);
  EXPECT_GE(counts.taken, static_cast<long>(count()));
  finish();
  EXPECT_EQ(calls_, count());
  EXPECT_EQ(counts.out(), 0);

  start_all(with_allocator);
  const std::size_t called = calls_;
  forget();
  end_context();
  EXPECT_EQ(calls_, called);
  EXPECT_EQ(counts.out(), 0) << "also when the handler is never called";
}

TEST_P(every_function, takes_bindings_in_every_order)
{
  asio::io_context elsewhere;
  memory_account counts;
  std::deque<asio::cancellation_signal> signals;
  std::size_t aborted = 0;
  const auto handler = [&](std::error_code ec, auto&&...) { aborted += ec == asio::error::operation_aborted; };
  const counting_allocator<int> allocator(counts);
  start_all([&] {
    auto slot = signals.emplace_back().slot();
    return asio::bind_executor(elsewhere, asio::bind_allocator(allocator, asio::bind_cancellation_slot(slot, handler)));
  });
  start_all([&] {
    auto slot = signals.emplace_back().slot();
    return asio::bind_cancellation_slot(slot, asio::bind_executor(elsewhere, asio::bind_allocator(allocator, handler)));
  });
  for (auto& one : signals) // Before the spawn completes.
    one.emit(asio::cancellation_type::terminal);
  run_beside(elsewhere, [&] { return aborted == count(); });
  run_to_end();
  EXPECT_EQ(aborted, count());
  EXPECT_EQ(counts.out(), 0);
}

// ---- coroutines ----

class coroutine : public completion_token {};
SUBPROCESS_FOR_EACH_SETUP(coroutine);

TEST_P(coroutine, can_give_up_waiting_and_wait_again)
{
  run_coroutine([&]() -> asio::awaitable<void> {
    async_child helper = start({"hang"});
    asio::steady_timer timer(context(), 10ms);
    const auto first = co_await (helper.async_wait(asio::use_awaitable) || timer.async_wait(asio::use_awaitable));
    EXPECT_EQ(first.index(), 1u) << "the timer";
    EXPECT_EQ(helper.status(), std::nullopt);

    helper.kill();
    timer.expires_after(1h);
    const auto second = co_await (helper.async_wait(asio::use_awaitable) || timer.async_wait(asio::use_awaitable));
    EXPECT_EQ(second.index(), 0u) << "the child";
    if (second.index() == 0) {
      EXPECT_EQ(std::get<0>(second).signal(), SIGKILL);
    }
  });
}

TEST_P(coroutine, can_limit_a_run)
{
  run_coroutine([&]() -> asio::awaitable<void> {
    asio::steady_timer timer(context(), 10ms);
    const command hang = helper({"hang"});
    const auto first =
        co_await (async_run(context(), hang, asio::use_awaitable) || timer.async_wait(asio::use_awaitable));
    EXPECT_EQ(first.index(), 1u);
    EXPECT_FALSE(has_children()) << "reaped before the operator was done";

    timer.expires_after(1h);
    const command text = helper({"echo", "text"});
    const auto second =
        co_await (async_capture(context(), text, asio::use_awaitable) || timer.async_wait(asio::use_awaitable));
    EXPECT_EQ(second.index(), 0u);
    if (second.index() == 0) {
      EXPECT_EQ(std::get<0>(second).out, "text\n");
    }
  });
}

TEST_P(coroutine, can_give_up_a_spawn)
{
  run_coroutine([&]() -> asio::awaitable<void> {
    for (int i = 0; i < 10; ++i) {
      asio::steady_timer now(context(), 0ms);
      const command hang = helper({"hang"});
      co_await (async_spawn(context(), hang, asio::use_awaitable) || now.async_wait(asio::use_awaitable));
    }
  });
  EXPECT_FALSE(has_children()) << "whichever came first";
}

TEST_P(coroutine, can_wait_for_several_at_once)
{
  run_coroutine([&]() -> asio::awaitable<void> {
    const command one = helper({"exit", "1"});
    const command two = helper({"exit", "2"});
    const auto [first, second] =
        co_await (async_run(context(), one, asio::use_awaitable) && async_run(context(), two, asio::use_awaitable));
    EXPECT_EQ(first.code(), 1);
    EXPECT_EQ(second.code(), 2);
  });
}

TEST_P(coroutine, needs_no_token_when_its_child_has_a_default)
{
  run_coroutine([&]() -> asio::awaitable<void> {
    auto helper = asio::use_awaitable_t<>::as_default_on(start({"cat"}));
    static_assert(std::is_same_v<decltype(helper.async_wait()), asio::awaitable<exit_status>>);
    co_await helper.stdin_pipe().async_write_some(asio::buffer("text", 4));
    helper.stdin_pipe().close();
    char got[4];
    EXPECT_EQ(co_await helper.stdout_pipe().async_read_some(asio::buffer(got)), 4u);
    EXPECT_EQ(std::string(got, 4), "text");
    EXPECT_TRUE((co_await helper.async_wait()).success());
    EXPECT_TRUE((co_await helper.async_stop(1h)).success());
  });
}

TEST_P(coroutine, needs_no_token_when_its_stream_has_a_default)
{
  run_coroutine([&]() -> asio::awaitable<void> {
    async_child helper = start(this->helper({"echo", "text"}).stdin_from(stdio::pipe()).stdout_to(stdio::pty()));
    auto terminal = asio::use_awaitable_t<>::as_default_on(std::move(helper.pty()));
    char got[6];
    EXPECT_EQ(co_await terminal.async_read_some(asio::buffer(got)), 6u);
    EXPECT_EQ(std::string(got, 6), "text\r\n");
    line_reader lines(terminal);
    static_assert(std::is_same_v<decltype(lines.async_read_line()), asio::awaitable<std::string>>);
    auto input = asio::use_awaitable_t<>::as_default_on(std::move(helper.stdin_pipe()));
    static_assert(std::is_same_v<decltype(input.async_write_some(asio::buffer(got))), asio::awaitable<std::size_t>>);
    EXPECT_TRUE((co_await helper.async_wait(asio::use_awaitable)).success());
  });
}

} // namespace
} // namespace subprocess::tests
