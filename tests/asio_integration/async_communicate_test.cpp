#include <asio_integration/async_communicate.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/thread_pool.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "io_fixture.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

class communicating : public io_fixture {
protected:
  static command piped(command what)
  {
    return what.stdin_from(stdio::pipe()).stdout_to(stdio::pipe()).stderr_to(stdio::pipe());
  }

  capture_result outcome(async_child& child, capture_options options)
  {
    capture_result result;
    async_communicate(child, std::move(options), result.handler());
    EXPECT_EQ(result.calls, 0) << "called from within";
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    return result;
  }

  captured_output output_of(const command& what, std::string input)
  {
    async_child child = start(what);
    capture_result result = outcome(child, {.input = std::move(input)});
    EXPECT_FALSE(result.ec) << result.ec.message();
    EXPECT_TRUE(result.output.status.success()) << result.output.status;
    EXPECT_FALSE(child.stdin_pipe().is_open() || child.stdout_pipe().is_open() || child.stderr_pipe().is_open());
    return std::move(result.output);
  }
};
SUBPROCESS_FOR_EACH_SETUP(communicating);

TEST_P(communicating, writes_and_reads_any_amount_at_the_same_time)
{
  const std::string much(3'000'000, 'x');
  const captured_output output = output_of(piped(helper({"cat"})), much);
  EXPECT_TRUE(output.out == much) << output.out.size();
  ASSERT_TRUE(output.report);
  EXPECT_EQ(output.report->status, output.status);
  EXPECT_TRUE(output_of(piped(helper({"stdin-to-stderr"})), much).err == much);
  EXPECT_EQ(output_of(piped(helper({"cat"})), "").out, "");
  EXPECT_EQ(output_of(piped(helper({"flood", "300000"})), "").out.size(), 300000u);
}

TEST_P(communicating, a_child_that_wants_no_input_is_no_error)
{
  const std::string much(3'000'000, 'x');
  isolated_loop([&] {
    std::signal(SIGPIPE, SIG_DFL);
    EXPECT_EQ(output_of(piped(helper({"exit", "0"})), much).out, "");
    EXPECT_EQ(output_of(piped(program("sh", {"-c", "exec <&-; echo done"})), much).out, "done\n");
    EXPECT_EQ(output_of(piped(helper({"echo", "a"})).stdin_from(stdio::socket()), much).out, "a\n");
  });
}

TEST_P(communicating, input_that_nobody_reads_any_more_is_dropped)
{
  // The grandchild holds stdin alone.
  async_child sh = start(piped(program("sh", {"-c", "sleep 1000 </dev/fd/0 >/dev/null 2>&1 & echo $!"})));
  capture_result result;
  async_communicate(sh, std::string(3'000'000, 'x'), result.handler());
  run_to_end();
  EXPECT_EQ(result.calls, 1);
  EXPECT_TRUE(result.output.status.success());
  ::kill(std::atoi(result.output.out.c_str()), SIGKILL);
}

TEST_P(communicating, needs_a_stdin_only_for_input)
{
  async_child helper =
      start(this->helper({"streams"}).stdin_from(stdio::null()).stdout_to(stdio::pipe()).stderr_to(stdio::null()));
  capture_result result;
  async_communicate(helper, "x", result.handler());
  EXPECT_EQ(result.calls, 0) << "called from within";
  run_to_end();
  EXPECT_EQ(result.ec, std::errc::bad_file_descriptor);
  result = outcome(helper, {});
  EXPECT_FALSE(result.ec);
  EXPECT_EQ(result.output.out, "out");
}

TEST_P(communicating, of_no_child_fails)
{
  std::promise<std::error_code> told;
  async_child empty;
  async_communicate(empty, "", [&](std::error_code ec, captured_output) { told.set_value(ec); });
  EXPECT_EQ(told.get_future().get(), std::errc::invalid_argument);
}

TEST_P(communicating, with_a_child_on_a_terminal)
{
  async_child cat = start(helper({"cat"}).stdin_from(stdio::pty()).stdout_to(stdio::pty()).stderr_to(stdio::pipe()));
  const capture_result result = outcome(cat, {});
  EXPECT_FALSE(result.ec) << result.ec.message();
  EXPECT_TRUE(result.output.status.success());
}

TEST_P(communicating, goes_on_where_others_have_read)
{
  async_child cat = start({"cat"});
  write_all(cat.stdin_pipe().native_handle(), "first\nsecond\n");
  EXPECT_EQ(read_line(cat.stdout_pipe().native_handle()), "first");
  EXPECT_EQ(outcome(cat, {.input = "third\n"}).output.out, "second\nthird\n");

  async_child ended = start({"exit", "3"});
  end_of(ended);
  EXPECT_EQ(outcome(ended, {}).output.status.code(), 3);
}

TEST_P(communicating, keeps_to_the_limits)
{
  async_child much = start(piped(helper({"write", "1", "10000000"})));
  capture_result result = outcome(much, {.max_bytes = 100});
  EXPECT_EQ(result.ec.value(), ENOBUFS);
  EXPECT_EQ(result.output.out, std::string(100, 'o'));
  EXPECT_EQ(result.output.status.signal(), SIGPIPE);

  async_child hanging = start(piped(helper({"write-then-hang", "1", "1000"})));
  result = outcome(hanging, {.max_bytes = 100, .on_overflow = overflow::kill});
  EXPECT_EQ(result.ec.value(), ENOBUFS);
  EXPECT_EQ(result.output.status.signal(), SIGKILL);
}

TEST_P(communicating, ends_when_the_time_is_up_and_leaves_the_child_alone)
{
  EXPECT_TRUE(given_enough_time(20ms, [&](auto limit) {
    async_child helper = start(piped(this->helper({"ready-then-hang"})));
    spawn_failure failure;
    const capture_result result = outcome(helper, {.limit = limit, .failure = &failure});
    EXPECT_EQ(result.ec, std::errc::timed_out);
    EXPECT_EQ(failure.code, std::errc::timed_out);
    EXPECT_EQ(failure.step, spawn_step::time_limit);
    EXPECT_FALSE(helper.status()) << "it was not signalled";
    EXPECT_TRUE(helper.stdout_pipe().is_open());
    return result.output.out == "ready\n";
  }));
}

// run_to_end() would last as long as the limit.
TEST_P(communicating, that_ends_in_time_keeps_no_clock)
{
  async_child cat = start(piped(helper({"cat"})));
  spawn_failure failure;
  failure.detail = "left over";
  const capture_result result = outcome(cat, {.input = "text", .limit = 1h, .failure = &failure});
  EXPECT_FALSE(result.ec) << result.ec.message();
  EXPECT_EQ(result.output.out, "text");
  EXPECT_FALSE(failure);
  EXPECT_EQ(failure.detail, "");
}

TEST_P(communicating, tells_what_failed)
{
  spawn_failure failure;
  async_child hanging = start(piped(helper({"write-then-hang", "1", "1000"})));
  const capture_options options{.max_bytes = 100, .on_overflow = overflow::kill, .failure = &failure};
  EXPECT_EQ(outcome(hanging, options).ec.value(), ENOBUFS);
  EXPECT_EQ(failure.step, spawn_step::output);
  EXPECT_EQ(failure.code.value(), ENOBUFS);
  async_child none;
  std::promise<void> told; // An empty child completes on a thread of the system's.
  async_communicate(none, {.failure = &failure}, [&](std::error_code, captured_output) { told.set_value(); });
  told.get_future().wait();
  EXPECT_EQ(failure.code.value(), EINVAL);
}

TEST_P(communicating, reads_on_for_the_grace_and_leaves_the_streams_open)
{
  for (const auto grace : {0ms, 20ms}) {
    async_child helper = start(piped(this->helper({"spawn-grandchild-that-hangs"})));
    const capture_result result = outcome(helper, {.drain_grace = grace});
    EXPECT_FALSE(result.ec);
    EXPECT_TRUE(result.output.status.success());
    EXPECT_TRUE(result.output.left_open);
    EXPECT_TRUE(helper.stdout_pipe().is_open());
    const pid_t grandchild = std::atoi(result.output.out.c_str());
    ASSERT_GT(grandchild, 0) << result.output.out;
    ::kill(grandchild, SIGKILL);
  }
}

TEST_P(communicating, cancelled_only_stops_and_can_be_tried_again)
{
  async_child cat = start({"cat"});
  for (const auto type :
       {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
    write_all(cat.stdin_pipe().native_handle(), "text\n");
    EXPECT_TRUE(becomes_readable(cat.stdout_pipe().native_handle()));
    asio::cancellation_signal cancel;
    capture_result result;
    async_child hanging = start(piped(helper({"hang"}))); // Reads nothing.
    async_communicate(hanging, std::string(3'000'000, 'x'),
                      asio::bind_cancellation_slot(cancel.slot(), result.handler()));
    EXPECT_TRUE(is_busy());
    EXPECT_EQ(result.calls, 0);
    cancel.emit(type);
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    EXPECT_EQ(result.ec, asio::error::operation_aborted);
    EXPECT_EQ(result.output.status, exit_status());
    EXPECT_FALSE(hanging.status()) << "it was not signalled";
    EXPECT_TRUE(hanging.stdin_pipe().is_open());
    EXPECT_TRUE(hanging.stdout_pipe().is_open());
  }
  EXPECT_EQ(outcome(cat, {.input = "end\n"}).output.out, "text\ntext\ntext\nend\n");
}

TEST_P(communicating, cancelled_gives_what_was_read)
{
  async_child helper = start(piped(this->helper({"write-then-hang", "1", "1000", "2", "1"})));
  EXPECT_TRUE(becomes_readable(helper.stderr_pipe().native_handle()));
  asio::cancellation_signal cancel;
  capture_result result;
  async_communicate(helper, "", asio::bind_cancellation_slot(cancel.slot(), result.handler()));
  EXPECT_TRUE(is_busy());
  cancel.emit(asio::cancellation_type::total);
  run_to_end();
  EXPECT_EQ(result.output.out, std::string(1000, 'o'));
  EXPECT_EQ(result.output.err, "e");
}

TEST_P(communicating, cancelled_before_it_begins_touches_nothing)
{
  async_child cat = start({"cat"});
  asio::cancellation_signal cancel;
  capture_result result;
  async_communicate(cat, "x", asio::bind_cancellation_slot(cancel.slot(), result.handler()));
  cancel.emit(asio::cancellation_type::total);
  run_to_end();
  EXPECT_EQ(result.calls, 1);
  EXPECT_EQ(result.ec, asio::error::operation_aborted);
}

TEST_P(communicating, goes_on_when_the_child_is_moved_and_ends_when_it_is_dropped)
{
  capture_result result;
  {
    async_child second;
    {
      async_child first = start(piped(helper({"write-then-hang", "1", "5"})));
      EXPECT_TRUE(becomes_readable(first.stdout_pipe().native_handle()));
      async_communicate(first, "", result.handler());
      second = std::move(first);
    }
    EXPECT_TRUE(is_busy());
    EXPECT_EQ(result.calls, 0);
  }
  run_to_end();
  EXPECT_EQ(result.calls, 1);
  EXPECT_EQ(result.output.status.signal(), SIGKILL);
  EXPECT_EQ(result.output.out, "ooooo");
}

TEST_P(communicating, completes_on_the_handlers_executor)
{
  asio::io_context other;
  async_child cat = start({"cat"});
  capture_result result;
  async_communicate(cat, "text", asio::bind_executor(other, result.handler()));
  run_beside(other, [&] { return result.calls > 0; });
  EXPECT_EQ(result.output.out, "text");
}

TEST_P(communicating, on_a_pool_of_threads)
{
  asio::thread_pool pool(4);
  use_source(pool);
  std::vector<async_child> children;
  std::vector<std::future<std::size_t>> sizes;
  for (int i = 0; i < 10; ++i) {
    children.push_back(spawn(pool, piped(helper({"cat"}))));
    auto told = std::make_shared<std::promise<std::size_t>>();
    sizes.push_back(told->get_future());
    async_communicate(children.back(), std::string(300'000, 'x'),
                      [told](std::error_code, captured_output output) { told->set_value(output.out.size()); });
  }
  for (auto& size : sizes) {
    ASSERT_EQ(size.wait_for(patience), std::future_status::ready);
    EXPECT_EQ(size.get(), 300'000u);
  }
}

// Without a strand the end of the time comes beside the steps, on another thread. What that
// does is for ThreadSanitizer to see.
TEST_P(communicating, on_a_pool_of_threads_may_be_out_of_time_at_any_moment)
{
  asio::thread_pool pool(4);
  use_source(pool);
  std::atomic<int> told = 0;
  constexpr int count = 40;
  for (int i = 0; i < count; ++i) {
    const auto child = std::make_shared<async_child>(spawn(pool, piped(helper({"cat"}))));
    async_communicate(*child, {.input = std::string(300'000, 'x'), .limit = std::chrono::microseconds(200 * i)},
                      [&told, child](std::error_code, const captured_output&) { ++told; });
  }
  pool.join();
  EXPECT_EQ(told, count);
}

TEST_P(communicating, calls_nobody_when_the_context_is_gone)
{
  capture_result result;
  {
    async_child hanging = start(piped(helper({"hang"})));
    async_communicate(hanging, {.input = std::string(1'000'000, 'x'), .drain_grace = 1h}, result.handler());
    EXPECT_TRUE(is_busy());
  }
  end_context();
  EXPECT_EQ(result.calls, 0);
}

} // namespace
} // namespace subprocess::tests
