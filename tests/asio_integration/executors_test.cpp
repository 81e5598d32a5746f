#include <gtest/gtest.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/system_context.hpp>
#include <asio/system_executor.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_future.hpp>

#include <atomic>
#include <csignal>
#include <future>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include <asio_integration/asio_integration.hpp>

#include "io_fixture.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

TEST(loop_executor, runs_what_comes_from_elsewhere_on_its_loop_or_never)
{
  const auto counted = std::make_shared<int>(0);
  asio::io_context loop;
  const detail::loop_executor executor(loop);
  executor.execute([counted] { ++*counted; });
  EXPECT_EQ(*counted, 0) << "called from within";
  loop.run();
  EXPECT_EQ(*counted, 1);
  {
    asio::io_context ends;
    detail::loop_executor(ends).execute([counted] { ++*counted; });
    EXPECT_EQ(counted.use_count(), 2);
  }
  EXPECT_EQ(counted.use_count(), 1);
  EXPECT_EQ(*counted, 1);
}

/// What a future has, which has to come in time.
template <class Result>
Result in_time(std::future<Result> future)
{
  if (future.wait_for(patience) != std::future_status::ready)
    throw std::runtime_error("it did not come in time");
  return future.get();
}

/// Threads that run a context.
class runners {
public:
  runners(asio::io_context& context, int count) : context_(context), work_(asio::make_work_guard(context))
  {
    context.restart();
    for (int i = 0; i < count; ++i)
      threads_.emplace_back([&context] { context.run(); });
  }
  ~runners() { join(); }

  /// Until the context is out of work. Once: what the test runs later is its own.
  void join()
  {
    if (threads_.empty())
      return;
    work_.reset();
    if (!eventually([&] { return context_.stopped(); })) {
      ADD_FAILURE() << "something still waits";
      context_.stop();
    }
    for (std::thread& thread : threads_)
      thread.join();
    threads_.clear();
  }

private:
  asio::io_context& context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::vector<std::thread> threads_;
};

// ---- one context, several threads ----

class several_threads : public io_fixture {};
SUBPROCESS_FOR_EACH_SETUP(several_threads);

TEST_P(several_threads, run_spawns_waits_and_captures)
{
  constexpr int count = 60;
  std::atomic<int> good = 0;
  {
    runners threads(context(), 4);
    for (int i = 0; i < count; ++i) {
      const std::string code = std::to_string(i % 7);
      switch (i % 3) {
      case 0:
        async_run(context(), helper({"exit", code}),
                  [&, i](std::error_code ec, exit_status status) { good += !ec && status.code() == i % 7; });
        break;
      case 1:
        async_capture(context(), helper({"echo", code}), [&, code](std::error_code ec, captured_output output) {
          good += !ec && output.out == code + "\n";
        });
        break;
      default:
        async_spawn(context(), helper({"exit", code}), [&, i](std::error_code, async_child child) {
          const auto kept = std::make_shared<async_child>(std::move(child));
          kept->async_wait(
              [&, i, kept](std::error_code ec, exit_status status) { good += !ec && status.code() == i % 7; });
        });
      }
    }
  }
  EXPECT_EQ(good, count);
}

TEST_P(several_threads, cancel_what_they_have_started)
{
  constexpr int count = 40;
  std::atomic<int> completed = 0;
  {
    runners threads(context(), 4);
    for (int i = 0; i < count; ++i) {
      // The rule of slots: whoever emits is on the strand of the handler.
      const auto strand = asio::make_strand(context());
      asio::post(strand, [&, i, strand] {
        const auto cancel = std::make_shared<asio::cancellation_signal>();
        const auto done = [&completed, cancel](auto&&...) { ++completed; };
        auto handler = asio::bind_executor(strand, asio::bind_cancellation_slot(cancel->slot(), done));
        if (i % 3 == 0)
          async_run(context(), helper({"hang"}), std::move(handler));
        else if (i % 3 == 1)
          async_capture(context(), helper({"hang"}), std::move(handler));
        else
          async_spawn(context(), helper({"hang"}), std::move(handler));
        const auto timer = std::make_shared<asio::steady_timer>(strand, std::chrono::milliseconds(i % 5));
        timer->async_wait([timer, cancel](std::error_code) { cancel->emit(asio::cancellation_type::terminal); });
      });
    }
  }
  EXPECT_EQ(completed, count);
  EXPECT_FALSE(has_children());
}

// Whether the status or the cancellation comes first is open; that exactly one
// of them comes is not.
TEST_P(several_threads, cancel_waits_while_the_child_ends)
{
  constexpr int waits = 60;
  for (int round = 0; round < 5; ++round) {
    async_child helper = start({"hang"});
    std::atomic<int> aborted = 0;
    std::atomic<int> ended = 0;
    {
      runners threads(context(), 3);
      for (int i = 0; i < waits; ++i) {
        const auto strand = asio::make_strand(context());
        asio::post(strand, [&, i, strand] {
          const auto cancel = std::make_shared<asio::cancellation_signal>();
          helper.async_wait(asio::bind_executor(
              strand, asio::bind_cancellation_slot(cancel->slot(), [&, cancel](std::error_code ec, exit_status status) {
                if (ec == asio::error::operation_aborted)
                  ++aborted;
                else if (!ec && status.signal() == SIGKILL)
                  ++ended;
              })));
          if (i % 2)
            asio::post(strand, [cancel] { cancel->emit(asio::cancellation_type::total); });
          if (i == waits / 2) {
            std::error_code ignored;
            helper.kill(ignored);
          }
        });
      }
    }
    EXPECT_EQ(aborted + ended, waits);
    EXPECT_GE(ended, waits / 2);
  }
}

TEST_P(several_threads, may_destroy_children_anywhere)
{
  {
    runners threads(context(), 3);
    std::vector<std::thread> users;
    for (int t = 0; t < 3; ++t)
      users.emplace_back([&] {
        for (int i = 0; i < 10; ++i)
          start({"hang"});
      });
    for (std::thread& user : users)
      user.join();
  }
  EXPECT_FALSE(has_children()) << "the context was busy until all were reaped";
}

// ---- strands ----

class strand : public io_fixture {};
SUBPROCESS_FOR_EACH_SETUP(strand);

TEST_P(strand, of_any_kind_is_where_handlers_run)
{
  const auto check = [&](auto on) {
    std::atomic<int> calls = 0;
    std::atomic<bool> inside = false;
    const auto handler = [&](auto&&...) {
      EXPECT_FALSE(inside.exchange(true)) << "two at a time";
      EXPECT_TRUE(on.running_in_this_thread());
      inside = false;
      ++calls;
    };
    runners threads(context(), 3);
    async_child helper = spawn(on, this->helper({"hang"}));
    for (int i = 0; i < 30; ++i)
      helper.async_wait(handler);
    helper.async_stop(1h, handler);
    async_run(on, this->helper({"exit", "0"}), handler);
    async_capture(on, this->helper({"exit", "0"}), handler);
    async_spawn(on, this->helper({"exit", "0"}), handler);
    threads.join();
    EXPECT_EQ(calls, 34);
  };
  check(asio::make_strand(context()));
  check(asio::strand<asio::any_io_executor>(context().get_executor()));
  check(
      asio::strand<asio::strand<asio::any_io_executor>>(asio::strand<asio::any_io_executor>(context().get_executor())));
}

// The reaper must not depend on the strand of whoever spawned first.
TEST_P(strand, that_is_held_does_not_hold_the_reaper)
{
  const auto held = asio::make_strand(context());
  async_child first = spawn(held, helper({"exit", "1"}));
  std::promise<void> release;
  std::promise<void> is_held;
  runners threads(context(), 3);
  asio::post(held, [&] {
    is_held.set_value();
    in_time(release.get_future());
  });
  in_time(is_held.get_future());
  async_child second = spawn(context(), helper({"exit", "2"}));
  EXPECT_EQ(in_time(second.async_wait(asio::use_future)).code(), 2);
  release.set_value();
  threads.join();
  EXPECT_EQ(end_of(first).code(), 1);
}

// ---- several contexts ----

class several_contexts : public io_fixture {};
SUBPROCESS_FOR_EACH_SETUP(several_contexts);

TEST_P(several_contexts, each_reap_their_own)
{
  asio::io_context contexts[4];
  std::vector<async_child> children;
  std::vector<wait_result> results(20);
  for (auto& one : contexts)
    use_source(one);
  for (std::size_t i = 0; i < results.size(); ++i) {
    children.push_back(spawn(contexts[i % 4], helper({"exit", std::to_string(i)})));
    children.back().async_wait(results[i].handler());
  }
  for (std::size_t c = 0; c < 4; ++c) {
    for (std::size_t i = 0; i < results.size(); ++i)
      EXPECT_EQ(results[i].calls, i % 4 < c ? 1 : 0);
    contexts[c].run_for(patience);
    EXPECT_TRUE(contexts[c].stopped());
  }
  for (std::size_t i = 0; i < results.size(); ++i)
    EXPECT_EQ(results[i].status.code(), static_cast<int>(i));
  children.clear();
}

TEST_P(several_contexts, in_a_thread_each)
{
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      asio::io_context own;
      use_source(own);
      for (int i = 0; i < 10; ++i) {
        wait_result result;
        async_child child = spawn(own, helper({"exit", std::to_string(i)}));
        child.async_wait(result.handler());
        own.restart();
        own.run_for(patience);
        EXPECT_EQ(result.status.code(), i);
      }
    });
  for (std::thread& thread : threads)
    thread.join();
}

TEST_P(several_contexts, one_may_end_before_the_other)
{
  async_child helper = start({"hang"});
  wait_result result;
  helper.async_wait(result.handler());
  {
    asio::io_context other;
    use_source(other);
    async_child there = spawn(other, this->helper({"hang"}));
    EXPECT_TRUE(is_busy());
  }
  helper.kill();
  run_to_end();
  EXPECT_EQ(result.status.signal(), SIGKILL);
}

// ---- contexts of other kinds ----

class other_context : public io_fixture {
protected:
  static void SetUpTestSuite()
  {
    io_fixture::SetUpTestSuite();
    // Its descriptors and threads stay for the life of the program.
    spawn(asio::system_executor(), tests::helper({"exit", "0"})).async_wait(asio::use_future).get();
    async_run(asio::system_executor(), tests::helper({"exit", "0"}), asio::use_future).get();
  }
};
SUBPROCESS_FOR_EACH_SETUP(other_context);

TEST_P(other_context, may_be_a_thread_pool)
{
  asio::thread_pool pool(2);
  use_source(pool);
  async_child child = spawn(pool, helper({"exit", "1"}));
  EXPECT_EQ(in_time(child.async_wait(asio::use_future)).code(), 1);
  EXPECT_EQ(in_time(async_run(pool, helper({"exit", "2"}), asio::use_future)).code(), 2);
  EXPECT_EQ(in_time(async_capture(pool.get_executor(), helper({"echo", "text"}), asio::use_future)).out, "text\n");
  async_child spawned = in_time(async_spawn(pool, helper({"hang"}), asio::use_future));
  EXPECT_EQ(in_time(spawned.async_stop(1h, asio::use_future)).signal(), SIGTERM);
  child = {};
  spawned = {};
  pool.join();
}

TEST_P(other_context, may_be_a_thread_pool_that_is_joined_with_children)
{
  asio::thread_pool pool(2);
  use_source(pool);
  std::atomic<bool> waited = false;
  async_child idle = spawn(pool, helper({"hang"}));
  idle.detach();
  const pid_t pid = idle.id();
  async_child child = spawn(pool, helper({"exit", "1"}));
  child.async_wait([&](std::error_code ec, exit_status status) { waited = !ec && status.code() == 1; });
  pool.join(); // The waiter holds it, the idle child does not.
  EXPECT_TRUE(waited);
  ::kill(pid, SIGKILL);
}

TEST_P(other_context, may_be_a_thread_pool_that_is_stopped_with_children)
{
  std::atomic<int> calls = 0;
  {
    asio::thread_pool pool(2);
    use_source(pool);
    {
      async_child child = spawn(pool, helper({"hang"}));
      child.async_wait([&](auto&&...) { ++calls; });
      async_run(pool, helper({"hang"}), [&](auto&&...) { ++calls; });
      pool.stop();
    }
    pool.join();
  }
  EXPECT_EQ(calls, 0);
  EXPECT_TRUE(all_children_gone());
}

TEST_P(other_context, may_be_the_system_context)
{
  const asio::system_executor executor;
  async_child child = spawn(executor, helper({"exit", "1"}));
  EXPECT_EQ(in_time(child.async_wait(asio::use_future)).code(), 1);
  EXPECT_EQ(in_time(async_run(executor, helper({"exit", "2"}), asio::use_future)).code(), 2);
  EXPECT_EQ(in_time(async_capture(executor, helper({"echo", "text"}), asio::use_future)).out, "text\n");
  async_child spawned = in_time(async_spawn(executor, helper({"hang"}), asio::use_future));
  EXPECT_EQ(in_time(spawned.async_stop(1h, asio::use_future)).signal(), SIGTERM);
}

TEST_P(other_context, may_be_one_for_a_single_thread)
{
  asio::io_context single(1);
  use_source(single);
  async_child child = spawn(single, helper({"exit", "1"}));
  wait_result wait, run;
  child.async_wait(wait.handler());
  async_run(single, helper({"exit", "2"}), run.handler());
  single.run_for(patience);
  EXPECT_TRUE(single.stopped());
  EXPECT_EQ(wait.status.code(), 1);
  EXPECT_EQ(run.status.code(), 2);
}

} // namespace
} // namespace subprocess::tests
