#include <asio_integration/async_child.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_future.hpp>

#include <array>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <future>
#include <vector>

#include "io_fixture.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

class wait_closed : public io_fixture {
protected:
  /// A child that has ended, and a grandchild that holds its stdout.
  async_child start_held(std::string_view verb = "spawn-grandchild-that-hangs")
  {
    async_child held = start({verb});
    grandchild_ = std::atoi(read_line(held.stdout_pipe().native_handle()).c_str());
    EXPECT_GT(grandchild_, 0);
    return held;
  }
  void end_grandchild() const { ::kill(grandchild_, SIGKILL); }

private:
  pid_t grandchild_ = -1;
};
SUBPROCESS_FOR_EACH_SETUP(wait_closed);

TEST_P(wait_closed, gives_the_status_and_leaves_the_data)
{
  for (const stdio& kind : {stdio::pipe(), stdio::socket()}) {
    async_child helper = start(this->helper({"streams"}).stdout_to(kind).stderr_to(kind));
    wait_result result;
    helper.async_wait_closed(result.handler());
    EXPECT_EQ(result.calls, 0) << "called from within";
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    EXPECT_FALSE(result.ec) << result.ec.message();
    EXPECT_TRUE(result.status.success());
    EXPECT_FALSE(helper.is_output_held());

    wait_result again; // When all is over, and nothing was read.
    helper.async_wait_closed(again.handler());
    run_to_end();
    EXPECT_TRUE(again.status.success());
    EXPECT_EQ(read_all(helper.stdout_pipe().native_handle()), "out");
    EXPECT_EQ(read_all(helper.stderr_pipe().native_handle()), "err");
  }
}

TEST_P(wait_closed, waits_for_whoever_holds_a_stream)
{
  async_child held = start_held();
  end_of(held);
  wait_result result;
  held.async_wait_closed(result.handler());
  EXPECT_TRUE(is_busy());
  EXPECT_TRUE(held.is_output_held());
  EXPECT_EQ(result.calls, 0);
  end_grandchild();
  run_to_end();
  EXPECT_EQ(result.calls, 1);
  EXPECT_TRUE(result.status.success());
}

TEST_P(wait_closed, waits_for_a_child_that_has_closed_its_streams)
{
  async_child helper = start({"close-stdout-then-hang"});
  EXPECT_EQ(read_all(helper.stdout_pipe().native_handle()), "");
  wait_result result;
  helper.async_wait_closed(result.handler());
  EXPECT_TRUE(is_busy());
  EXPECT_EQ(result.calls, 0);
  helper.kill();
  run_to_end();
  EXPECT_EQ(result.status.signal(), SIGKILL);
}

TEST_P(wait_closed, for_no_longer_than_the_grace)
{
  async_child held = start_held();
  for (const auto grace : {0ms, 20ms}) {
    wait_result result;
    const auto begin = std::chrono::steady_clock::now();
    held.async_wait_closed(grace, result.handler());
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    EXPECT_FALSE(result.ec) << result.ec.message();
    EXPECT_TRUE(result.status.success());
    EXPECT_GE(std::chrono::steady_clock::now() - begin, grace);
    EXPECT_TRUE(held.is_output_held());
  }
  wait_result result;
  held.async_wait_closed(std::chrono::nanoseconds::max(), result.handler());
  EXPECT_TRUE(is_busy());
  end_grandchild();
  run_to_end();
  EXPECT_TRUE(result.status.success());
  EXPECT_FALSE(held.is_output_held());
}

TEST_P(wait_closed, the_grace_begins_with_the_end_of_the_child)
{
  async_child helper = start_ready({"ready-then-hang"});
  wait_result result;
  helper.async_wait_closed(0ns, result.handler());
  EXPECT_TRUE(is_busy());
  EXPECT_EQ(result.calls, 0);
  helper.kill();
  run_to_end();
  EXPECT_EQ(result.status.signal(), SIGKILL);
}

TEST_P(wait_closed, a_stream_that_is_closed_counts_as_ended)
{
  async_child held = start_held();
  wait_result result;
  held.async_wait_closed(result.handler());
  EXPECT_TRUE(is_busy());
  held.stdout_pipe().cancel(); // Says nothing of the other end.
  EXPECT_TRUE(is_busy());
  EXPECT_EQ(result.calls, 0);
  held.stdout_pipe().close();
  run_to_end();
  EXPECT_TRUE(result.status.success());
  end_grandchild();
}

TEST_P(wait_closed, a_terminal_too)
{
  async_child helper =
      start(this->helper({"ready-then-hang"}).stdin_from(stdio::pty()).stdout_to(stdio::pty()).stderr_to(stdio::pty()));
  wait_result result;
  helper.async_wait_closed(result.handler());
  EXPECT_TRUE(is_busy());
  EXPECT_TRUE(helper.is_output_held());
  helper.kill();
  run_to_end();
  EXPECT_EQ(result.status.signal(), SIGKILL);
  EXPECT_FALSE(helper.is_output_held());
}

TEST_P(wait_closed, does_not_mind_reads_at_the_same_time)
{
  async_child helper = start({"write", "1", "3000000"});
  wait_result result;
  helper.async_wait_closed(result.handler());
  std::size_t total = 0;
  std::array<char, 65536> piece;
  std::function<void()> read = [&] {
    helper.stdout_pipe().async_read_some(asio::buffer(piece), [&](std::error_code ec, std::size_t got) {
      total += got;
      if (!ec)
        read();
    });
  };
  read();
  run_to_end();
  EXPECT_EQ(total, 3000000u);
  EXPECT_TRUE(result.status.success());
}

TEST_P(wait_closed, can_be_cancelled_and_tried_again)
{
  for (const bool ended : {false, true}) {
    async_child child = ended ? start_held() : start_ready({"ready-then-hang"});
    for (const auto type :
         {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
      asio::cancellation_signal cancel;
      wait_result result;
      child.async_wait_closed(1h, asio::bind_cancellation_slot(cancel.slot(), result.handler()));
      EXPECT_TRUE(is_busy());
      cancel.emit(type);
      run_to_end();
      EXPECT_EQ(result.calls, 1);
      EXPECT_EQ(result.ec, asio::error::operation_aborted);
      EXPECT_EQ(result.status, exit_status());
    }
    wait_result result;
    child.async_wait_closed(result.handler());
    ended ? end_grandchild() : child.kill();
    run_to_end();
    EXPECT_FALSE(result.ec);
  }
}

TEST_P(wait_closed, goes_on_when_the_child_is_moved_and_ends_when_it_is_dropped)
{
  asio::cancellation_signal cancel;
  wait_result cancelled;
  wait_result result;
  {
    async_child second;
    {
      async_child first = start_ready({"ready-then-hang"});
      first.async_wait_closed(asio::bind_cancellation_slot(cancel.slot(), cancelled.handler()));
      first.async_wait_closed(result.handler());
      second = std::move(first);
    }
    cancel.emit(asio::cancellation_type::total);
    run_until([&] { return cancelled.calls == 1; });
    EXPECT_EQ(cancelled.ec, asio::error::operation_aborted);
    EXPECT_EQ(result.calls, 0);
  }
  run_to_end();
  EXPECT_EQ(result.calls, 1);
  EXPECT_EQ(result.status.signal(), SIGKILL);
}

TEST_P(wait_closed, of_no_child_fails)
{
  std::promise<std::error_code> told;
  async_child().async_wait_closed([&](std::error_code ec, exit_status) { told.set_value(ec); });
  EXPECT_EQ(told.get_future().get(), std::errc::invalid_argument);
  EXPECT_FALSE(async_child().is_output_held());
}

TEST_P(wait_closed, tells_when_other_code_has_reaped_the_child)
{
  async_child helper = start_ready({"ready-then-hang"});
  helper.kill(); // The loop does not run until the theft is done.
  ASSERT_EQ(::waitpid(helper.id(), nullptr, 0), helper.id());
  wait_result result;
  helper.async_wait_closed(result.handler());
  run_to_end();
  EXPECT_EQ(result.ec, std::errc::no_child_process);
}

TEST_P(wait_closed, completes_on_the_handlers_executor)
{
  asio::io_context other;
  async_child helper = start({"exit", "4"});
  wait_result result;
  helper.async_wait_closed(asio::bind_executor(other, result.handler()));
  run_beside(other, [&] { return result.calls > 0; });
  EXPECT_EQ(result.status.code(), 4);
}

TEST_P(wait_closed, on_a_pool_of_threads)
{
  asio::thread_pool pool(4);
  use_source(pool);
  std::vector<async_child> children;
  std::vector<std::future<exit_status>> ends;
  for (int i = 0; i < 20; ++i) {
    children.push_back(spawn(pool, helper({"streams"}).stdout_to(stdio::pipe()).stderr_to(stdio::pipe())));
    ends.push_back(children.back().async_wait_closed(1h, asio::use_future));
  }
  for (auto& end : ends) {
    ASSERT_EQ(end.wait_for(patience), std::future_status::ready);
    EXPECT_TRUE(end.get().success());
  }
  children.clear();
}

TEST_P(wait_closed, calls_nobody_when_the_context_is_gone)
{
  wait_result running;
  wait_result held;
  {
    async_child one = start_ready({"ready-then-hang"});
    async_child two = start_held();
    one.async_wait_closed(running.handler());
    two.async_wait_closed(1h, held.handler());
    EXPECT_TRUE(is_busy());
  }
  end_context();
  EXPECT_EQ(running.calls + held.calls, 0);
  end_grandchild();
}

} // namespace
} // namespace subprocess::tests
