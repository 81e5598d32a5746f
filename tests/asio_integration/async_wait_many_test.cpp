#include <asio_integration/async_wait_many.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>

#include <cerrno>
#include <csignal>
#include <optional>
#include <ranges>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "io_fixture.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

struct any_result {
  int calls = 0;
  std::error_code ec;
  std::size_t index = 99;
  exit_status status;

  auto handler()
  {
    return [this](std::error_code e, std::size_t i, exit_status s) {
      ++calls;
      ec = e;
      index = i;
      status = s;
    };
  }
};

struct all_result {
  int calls = 0;
  std::error_code ec;
  std::vector<subprocess::wait_result> results;

  auto handler()
  {
    return [this](std::error_code e, std::vector<subprocess::wait_result> r) {
      ++calls;
      ec = e;
      results = std::move(r);
    };
  }
};

const std::error_code invalid(EINVAL, std::system_category());

class waiting_for_many : public io_fixture {
protected:
  std::vector<async_child> start_hanging(int count)
  {
    std::vector<async_child> children;
    for (int i = 0; i < count; ++i)
      children.push_back(start({"hang"}));
    return children;
  }
};
SUBPROCESS_FOR_EACH_SETUP(waiting_for_many);

// ---- any ----

TEST_P(waiting_for_many, any_gives_the_first_to_end)
{
  std::vector<async_child> children = start_hanging(4);
  any_result first;
  async_wait_any(children, first.handler());
  EXPECT_TRUE(is_busy());
  EXPECT_EQ(first.calls, 0);
  children[2].kill();
  run_to_end(); // The other waits are withdrawn: nothing is left to wait for.
  EXPECT_EQ(first.calls, 1);
  EXPECT_FALSE(first.ec);
  EXPECT_EQ(first.index, 2u);
  EXPECT_EQ(first.status.signal(), SIGKILL);

  // The others run, and can be waited for again.
  children.erase(children.begin() + 2);
  any_result second;
  async_wait_any(children, second.handler());
  children[0].send_signal(SIGTERM);
  run_to_end();
  EXPECT_EQ(second.index, 0u);
  EXPECT_EQ(second.status.signal(), SIGTERM);
}

TEST_P(waiting_for_many, any_prefers_the_first_of_those_that_have_ended)
{
  std::vector<async_child> children = start_hanging(1);
  for (const char* code : {"3", "4"}) {
    children.push_back(start({"exit", code}));
    end_of(children.back());
  }
  any_result first;
  async_wait_any(children, first.handler());
  EXPECT_EQ(first.calls, 0) << "called from within";
  run_to_end();
  EXPECT_EQ(first.index, 1u);
  EXPECT_EQ(first.status.code(), 3);
}

TEST_P(waiting_for_many, any_of_none_is_an_error)
{
  any_result none;
  async_wait_any(std::span<async_child>(), asio::bind_executor(context(), none.handler()));
  EXPECT_EQ(none.calls, 0) << "called from within";
  run_to_end(); // The system's thread has let go of the context then.
  EXPECT_EQ(none.ec, invalid);
}

TEST_P(waiting_for_many, any_tells_of_an_empty_child)
{
  std::vector<async_child> children = start_hanging(1);
  children.emplace_back();
  any_result first;
  async_wait_any(children, first.handler());
  run_until([&] { return first.calls == 1; });
  EXPECT_EQ(first.ec, invalid);
  EXPECT_EQ(first.index, 1u);
}

TEST_P(waiting_for_many, any_can_be_cancelled_at_any_time)
{
  std::vector<async_child> children = start_hanging(3);
  for (int handlers = 0; handlers < 4; ++handlers) {
    asio::cancellation_signal cancel;
    any_result first;
    async_wait_any(children, asio::bind_cancellation_slot(cancel.slot(), first.handler()));
    context().restart();
    for (int i = 0; i < handlers; ++i)
      context().run_one_for(5ms);
    cancel.emit(asio::cancellation_type::total);
    run_to_end();
    EXPECT_EQ(first.calls, 1);
    EXPECT_EQ(first.ec, asio::error::operation_aborted);
  }
  for (const async_child& child : children)
    EXPECT_FALSE(child.status()) << "no child is touched";
}

// ---- all ----

TEST_P(waiting_for_many, all_gives_every_status_in_order)
{
  std::vector<async_child> children;
  for (const char* code : {"1", "2"})
    children.push_back(start({"exit", code}));
  children.push_back(start({"hang"}));
  children.emplace_back();
  end_of(children[1]);
  all_result all;
  async_wait_all(children, all.handler());
  EXPECT_EQ(all.calls, 0) << "called from within";
  run_until([&] { return children[0].status().has_value(); });
  EXPECT_TRUE(is_busy());
  EXPECT_EQ(all.calls, 0);
  children[2].kill();
  run_until([&] { return all.calls == 1; });
  EXPECT_FALSE(all.ec);
  const std::vector<subprocess::wait_result> expected = {
      {{}, exit_status(1 << 8)}, {{}, exit_status(2 << 8)}, {{}, exit_status(SIGKILL)}, {invalid, {}}};
  EXPECT_EQ(all.results, expected);
}

TEST_P(waiting_for_many, all_of_none_completes_at_once)
{
  all_result none;
  async_wait_all(std::vector<async_child>(), asio::bind_executor(context(), none.handler()));
  EXPECT_EQ(none.calls, 0) << "called from within";
  run_to_end(); // The system's thread has let go of the context then.
  EXPECT_FALSE(none.ec);
  EXPECT_TRUE(none.results.empty());
}

TEST_P(waiting_for_many, all_tells_of_a_child_that_other_code_has_reaped)
{
  isolated_loop([&] {
    std::vector<async_child> children;
    children.push_back(start({"hang"}));
    children.push_back(start({"exit", "0"}));
    ::kill(children[0].id(), SIGKILL);
    int status = 0;
    EXPECT_EQ(::waitpid(children[0].id(), &status, 0), children[0].id());
    all_result all;
    async_wait_all(children, all.handler());
    run_to_end();
    EXPECT_FALSE(all.ec);
    ASSERT_EQ(all.results.size(), 2u);
    EXPECT_EQ(all.results[0].error, std::errc::no_child_process);
    EXPECT_TRUE(all.results[1].status.success());
  });
}

TEST_P(waiting_for_many, all_cancelled_gives_what_is_known)
{
  std::vector<async_child> children = start_hanging(1);
  children.push_back(start({"exit", "3"}));
  asio::cancellation_signal cancel;
  all_result all;
  async_wait_all(children, asio::bind_cancellation_slot(cancel.slot(), all.handler()));
  end_of(children[1]);
  is_busy(); // What is ready has run.
  cancel.emit(asio::cancellation_type::terminal);
  run_to_end();
  EXPECT_EQ(all.calls, 1);
  EXPECT_EQ(all.ec, asio::error::operation_aborted);
  ASSERT_EQ(all.results.size(), 2u);
  EXPECT_EQ(all.results[0].error, asio::error::operation_aborted);
  EXPECT_EQ(all.results[1], (subprocess::wait_result{{}, exit_status(3 << 8)}));
  EXPECT_FALSE(children[0].status());
}

// ---- both ----

TEST_P(waiting_for_many, takes_any_range_and_keeps_none_of_it)
{
  std::vector<async_child> children = start_hanging(3);
  any_result first;
  all_result all;
  async_wait_any(children | std::views::drop(1), first.handler());
  async_wait_all(std::span(children), all.handler());
  children.clear(); // Which kills them.
  run_to_end();
  EXPECT_EQ(first.calls, 1);
  EXPECT_EQ(first.status.signal(), SIGKILL);
  ASSERT_EQ(all.results.size(), 3u);
  for (const auto& result : all.results)
    EXPECT_EQ(result.status.signal(), SIGKILL);
}

TEST_P(waiting_for_many, children_of_several_contexts)
{
  asio::io_context other;
  use_source(other);
  std::vector<async_child> children = start_hanging(1);
  children.push_back(spawn(other, helper({"exit", "0"})));
  any_result first;
  async_wait_any(children, first.handler());
  run_until([&] {
    other.restart();
    other.poll();
    return first.calls == 1;
  });
  EXPECT_EQ(first.index, 1u);
  EXPECT_TRUE(first.status.success());
}

TEST_P(waiting_for_many, ends_with_the_context)
{
  for (const int handlers : {0, 1, 2}) {
    std::vector<async_child> children = start_hanging(2);
    any_result first;
    all_result all;
    async_wait_any(children, first.handler());
    async_wait_all(children, all.handler());
    context().restart();
    for (int i = 0; i < handlers; ++i)
      context().run_one_for(5ms);
    children.clear();
    end_context();
    EXPECT_EQ(first.calls + all.calls, 0);
    EXPECT_TRUE(all_children_gone());
  }
}

TEST_P(waiting_for_many, goes_on_when_the_context_of_another_child_ends)
{
  for (const bool is_dropped : {true, false}) {
    std::optional<asio::io_context> other(std::in_place);
    use_source(*other);
    std::vector<async_child> children = start_hanging(1);
    children.push_back(spawn(*other, helper({"hang"})));
    any_result first;
    all_result all;
    async_wait_any(children, first.handler());
    async_wait_all(children, all.handler());
    context().restart();
    context().poll();
    if (is_dropped)
      children.pop_back();
    else
      children.back().kill();
    other.reset();
    run_until([&] { return first.calls == 1; }); // As of a child that cannot be waited for.
    EXPECT_EQ(first.index, 1u);
    EXPECT_EQ(first.ec, asio::error::operation_aborted);
    EXPECT_EQ(all.calls, 0);
    children[0].kill();
    run_to_end();
    EXPECT_EQ(all.calls, 1);
    EXPECT_EQ(all.ec, asio::error::operation_aborted);
    ASSERT_EQ(all.results.size(), 2u);
    EXPECT_EQ(all.results[0].status.signal(), SIGKILL);
    EXPECT_EQ(all.results[1].error, asio::error::operation_aborted);
    children.clear();
    EXPECT_TRUE(all_children_gone());
  }
}

TEST_P(waiting_for_many, ends_with_its_context_though_that_of_another_child_goes_on)
{
  asio::io_context other;
  use_source(other);
  std::vector<async_child> children = start_hanging(1);
  children.push_back(spawn(other, helper({"hang"})));
  any_result first;
  all_result all;
  async_wait_any(children, first.handler());
  async_wait_all(children, all.handler());
  children.clear();
  end_context();
  other.run_for(patience); // Nothing is told to who has gone.
  EXPECT_TRUE(other.stopped());
  EXPECT_EQ(first.calls + all.calls, 0);
  EXPECT_TRUE(all_children_gone());
}

TEST_P(waiting_for_many, completes_on_the_handlers_executor)
{
  asio::thread_pool pool(1);
  std::thread::id ran_on;
  std::vector<async_child> children;
  children.push_back(start({"exit", "0"}));
  async_wait_all(children,
                 asio::bind_executor(pool, [&](std::error_code, const auto&) { ran_on = std::this_thread::get_id(); }));
  run_to_end();
  pool.join();
  EXPECT_NE(ran_on, std::thread::id());
  EXPECT_NE(ran_on, std::this_thread::get_id());
}

TEST_P(waiting_for_many, can_be_awaited)
{
  std::vector<async_child> children;
  children.push_back(start({"exit", "0"}));
  bool good = false;
  const auto wait = [&]() -> asio::awaitable<void> {
    const auto [index, status] = co_await async_wait_any(children, asio::use_awaitable);
    const auto results = co_await async_wait_all(children, asio::use_awaitable);
    good = index == 0 && status.success() && results.size() == 1 && results[0].status.success();
  };
  asio::co_spawn(context(), wait, [](const std::exception_ptr& failure) { EXPECT_FALSE(failure); });
  run_to_end();
  EXPECT_TRUE(good);
}

} // namespace
} // namespace subprocess::tests
