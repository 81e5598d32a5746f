// capture_options::on_output on an event loop.

#include <asio_integration/async_capture.hpp>

#include <gtest/gtest.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <future>
#include <string>
#include <string_view>

#include <asio_integration/async_communicate.hpp>
#include <asio_integration/async_pipeline.hpp>

#include "io_fixture.hpp"
#include "support/seen_output.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

[[noreturn]] void refuse(output_stream, std::string_view)
{
  throw refused();
}

struct pipeline_outcome {
  int calls = 0;
  std::error_code ec;
  pipeline_result result;

  auto handler()
  {
    return [this](std::error_code e, pipeline_result r) {
      ++calls;
      ec = e;
      result = std::move(r);
    };
  }
};

class async_seen : public io_fixture {
protected:
  capture_result outcome(const command& what, capture_options options)
  {
    capture_result result;
    async_capture(context(), what, std::move(options), result.handler());
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    return result;
  }

  /// Runs until what was thrown leaves run().
  void run_until_refused()
  {
    EXPECT_THROW(run_until([] { return false; }), refused);
  }
};
SUBPROCESS_FOR_EACH_SETUP(async_seen);

TEST_P(async_seen, is_each_stream_whole_and_in_order)
{
  seen_output seen;
  const captured_output small = outcome(helper({"streams"}), {.on_output = seen.sink()}).output;
  EXPECT_EQ(seen.out, "out");
  EXPECT_EQ(seen.err, "err");
  EXPECT_EQ(small.out + small.err, "outerr") << "and it is kept";

  seen = {};
  const captured_output large = outcome(helper({"flood", "3000000"}), {.on_output = seen.sink()}).output;
  EXPECT_TRUE(seen.out == large.out && seen.out.size() == 3'000'000);
  EXPECT_TRUE(seen.err == large.err && seen.err.size() == 3'000'000);

  seen = {};
  const capture_options cut{.max_bytes = 10, .on_overflow = overflow::truncate, .on_output = seen.sink()};
  EXPECT_EQ(outcome(helper({"flood", "300000"}), cut).output.out.size(), 10u);
  EXPECT_EQ(seen.out.size() + seen.err.size(), 600'000u) << "what the limit drops too";
}

// The child does not end before it is answered.
TEST_P(async_seen, comes_while_the_child_runs_and_before_the_handler)
{
  pipe_ends answers = make_pipe();
  const command sh = program("sh", {"-c", "echo question; cat"}).stdin_from(stdio::from_fd(answers.read_end.get()));
  capture_result result;
  const auto answer = [&](output_stream, std::string_view) {
    EXPECT_EQ(result.calls, 0);
    answers.write_end.reset();
  };
  async_capture(context(), sh, {.on_output = answer}, result.handler());
  run_to_end();
  EXPECT_TRUE(result.output.status.success());
}

TEST_P(async_seen, is_also_what_is_left_when_nobody_waits_any_more)
{
  for (int i = 0; i < 10; ++i) {
    seen_output seen;
    const captured_output output =
        outcome(helper({"spawn-grandchild-that-hangs"}), {.drain_grace = 0ms, .on_output = seen.sink()}).output;
    EXPECT_EQ(seen.out, output.out);
    const pid_t grandchild = std::atoi(output.out.c_str());
    ASSERT_GT(grandchild, 0) << output.out;
    ::kill(grandchild, SIGKILL);
  }
}

// A deadlock if it were called under the operation's lock.
TEST_P(async_seen, may_cancel_the_operation)
{
  asio::cancellation_signal cancel;
  capture_result result;
  const auto stop = [&](output_stream, std::string_view) { cancel.emit(asio::cancellation_type::terminal); };
  async_capture(context(), helper({"ready-then-hang"}), {.on_output = stop},
                asio::bind_cancellation_slot(cancel.slot(), result.handler()));
  run_to_end();
  EXPECT_EQ(result.ec, asio::error::operation_aborted);
  EXPECT_EQ(result.output.out, "ready\n");
  EXPECT_EQ(result.output.status.signal(), SIGTERM);
}

TEST_P(async_seen, may_run_the_loop)
{
  capture_result inner;
  capture_result result;
  int calls = 0;
  const auto run_another = [&](output_stream, std::string_view) {
    if (++calls > 1)
      return;
    async_capture(context(), helper({"streams"}), inner.handler());
    for (const deadline end; inner.calls == 0 && !end.passed();)
      context().run_one_for(1s);
  };
  async_capture(context(), helper({"streams"}), {.on_output = run_another}, result.handler());
  run_to_end();
  EXPECT_EQ(inner.calls, 1);
  EXPECT_EQ(result.output.out + result.output.err, "outerr");
  EXPECT_EQ(calls, 2);
}

TEST_P(async_seen, refused_leaves_run_and_kills_the_child)
{
  capture_result result;
  spawn_failure failure;
  capture_result other;
  async_capture(context(), helper({"ignore", "15"}), {.on_output = refuse, .failure = &failure}, result.handler());
  run_until_refused();
  EXPECT_EQ(result.calls, 0);
  async_capture(context(), helper({"streams"}), other.handler());
  run_to_end(); // The loop goes on.
  EXPECT_EQ(result.calls, 1);
  EXPECT_EQ(result.ec, asio::error::operation_aborted);
  EXPECT_EQ(failure.code, asio::error::operation_aborted);
  EXPECT_EQ(result.output.status.signal(), SIGKILL);
  EXPECT_EQ(result.output.out, "ready\n") << "what was read is kept";
  EXPECT_FALSE(has_children());
  EXPECT_EQ(other.output.out, "out");
}

TEST_P(async_seen, refused_is_not_called_again)
{
  int calls = 0;
  const auto once = [&](output_stream, std::string_view) {
    ++calls;
    throw refused();
  };
  capture_result result;
  async_capture(context(), helper({"flood", "3000000"}), {.on_output = once}, result.handler());
  run_until_refused();
  run_to_end();
  EXPECT_EQ(result.ec, asio::error::operation_aborted);
  EXPECT_EQ(calls, 1);
}

TEST_P(async_seen, refused_and_the_context_destroyed_leaves_nothing)
{
  capture_result result;
  async_capture(context(), helper({"ignore", "15"}), {.on_output = refuse}, result.handler());
  run_until_refused();
  end_context();
  EXPECT_EQ(result.calls, 0);
  EXPECT_TRUE(eventually(all_children_gone));
}

TEST_P(async_seen, one_call_at_a_time_on_a_pool_of_threads)
{
  asio::thread_pool pool(4);
  use_source(pool);
  std::atomic<int> inside = 0;
  std::atomic<std::size_t> bytes = 0;
  const auto sink = [&](output_stream, std::string_view text) {
    EXPECT_EQ(++inside, 1);
    bytes += text.size();
    --inside;
  };
  std::promise<void> done;
  async_pipeline(pool, helper({"flood", "1000000"}) | helper({"stdin-to-stderr"}) | helper({"flood", "1000000"}),
                 {.on_output = sink}, [&](std::error_code ec, pipeline_result) {
                   EXPECT_FALSE(ec) << ec.message();
                   done.set_value();
                 });
  ASSERT_EQ(done.get_future().wait_for(patience), std::future_status::ready);
  EXPECT_EQ(bytes, 4'000'000u);
  pool.join();
}

TEST_P(async_seen, of_pipelines_is_the_last_stdout_and_each_stderr)
{
  seen_output seen;
  pipeline_outcome given;
  async_pipeline(context(), helper({"streams"}) | helper({"stdin-to-stderr"}) | helper({"echo", "end"}),
                 {.on_output = seen.sink()}, given.handler());
  run_to_end();
  EXPECT_EQ(seen.out, "end\n");
  EXPECT_TRUE(seen.err == "errout" || seen.err == "outerr") << seen.err;
  EXPECT_EQ(given.result.out, "end\n");
}

TEST_P(async_seen, of_pipelines_refused_kills_all_stages)
{
  pipeline_outcome given;
  async_pipeline(context(), helper({"ignore", "15"}) | helper({"cat"}) | helper({"stdin-to-stderr"}) | helper({"hang"}),
                 {.on_output = refuse}, given.handler());
  run_until_refused();
  run_to_end();
  EXPECT_EQ(given.calls, 1);
  EXPECT_EQ(given.ec, asio::error::operation_aborted);
  EXPECT_EQ(given.result.stages[0].status.signal(), SIGKILL);
  EXPECT_FALSE(has_children()) << "the last may not have been launched yet";
}

TEST_P(async_seen, of_a_child_of_the_callers_comes_where_the_handler_runs)
{
  asio::io_context other;
  async_child cat = start(helper({"cat"}).stdin_from(stdio::pipe()).stdout_to(stdio::pipe()));
  capture_result result;
  std::string seen;
  const auto sink = [&](output_stream, std::string_view text) {
    EXPECT_TRUE(other.get_executor().running_in_this_thread());
    seen += text;
  };
  async_communicate(cat, {.input = "text", .on_output = sink}, asio::bind_executor(other, result.handler()));
  run_beside(other, [&] { return result.calls == 1; });
  EXPECT_EQ(seen, "text");
  EXPECT_EQ(result.output.out, "text");
}

TEST_P(async_seen, of_a_child_of_the_callers_refused_leaves_it_alone)
{
  async_child cat = start(helper({"cat"}).stdin_from(stdio::pipe()).stdout_to(stdio::pipe()).stderr_to(stdio::pipe()));
  write_all(cat.stdin_pipe().native_handle(), "text");
  capture_result result;
  async_communicate(cat, {.on_output = refuse}, result.handler());
  run_until_refused();
  run_to_end();
  EXPECT_EQ(result.calls, 1);
  EXPECT_EQ(result.ec, asio::error::operation_aborted);
  EXPECT_TRUE(cat.stdout_pipe().is_open());
  EXPECT_TRUE(end_of(cat).success());
}

} // namespace
} // namespace subprocess::tests
