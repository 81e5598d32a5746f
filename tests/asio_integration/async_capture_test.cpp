#include <asio_integration/async_capture.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>

#include <csignal>
#include <cstdlib>

#include <subprocess/observer.hpp>

#include "io_fixture.hpp"

namespace subprocess::tests {
namespace {

class async_capturing : public io_fixture {
protected:
  capture_result outcome(const command& what)
  {
    capture_result result;
    async_capture(context(), what, result.handler());
    EXPECT_EQ(result.calls, 0) << "called from within";
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    return result;
  }

  captured_output output_of(const command& what)
  {
    capture_result result = outcome(what);
    EXPECT_FALSE(result.ec) << result.ec.message();
    EXPECT_TRUE(result.output.status.success()) << result.output.status;
    return std::move(result.output);
  }
};
SUBPROCESS_FOR_EACH_SETUP(async_capturing);

TEST_P(async_capturing, gives_both_streams_and_the_status)
{
  const captured_output output = output_of(helper({"streams"}));
  EXPECT_EQ(output.out, "out");
  EXPECT_EQ(output.err, "err");
  EXPECT_EQ(output.program, helper_path());

  const capture_result failed = outcome(helper({"exit", "3"}));
  EXPECT_FALSE(failed.ec) << "a child's failure is a result";
  EXPECT_EQ(failed.output.status.code(), 3);
  EXPECT_EQ(failed.output.out, "");
  EXPECT_EQ(failed.output.err, "");
}

TEST_P(async_capturing, takes_any_amount_from_both_streams)
{
  constexpr std::size_t size = 3'000'000;
  for (const command& what : {helper({"flood", "3000000"}), helper({"write", "1", "3000000", "2", "3000000"}),
                              helper({"write", "2", "3000000", "1", "3000000"})}) {
    const captured_output output = output_of(what);
    EXPECT_TRUE(output.out == std::string(size, 'o')) << output.out.size();
    EXPECT_TRUE(output.err == std::string(size, 'e')) << output.err.size();
  }
}

TEST_P(async_capturing, gives_no_input_unless_told)
{
  EXPECT_EQ(output_of(helper({"cat"})).out, "");
  EXPECT_EQ(output_of(helper({"cat"}).stdin_from(stdio::pipe())).out, "");
  EXPECT_EQ(output_of(helper({"fd-kinds", "0", "1", "2"})).out, "null\npipe\npipe\n");
  EXPECT_EQ(output_of(helper({"cat"}).stdin_from(stdio::from_fd(pipe_with("text")))).out, "text");
}

TEST_P(async_capturing, leaves_alone_what_the_command_sets)
{
  scratch_directory scratch;
  captured_output output = output_of(helper({"streams"}).stdout_to(stdio::write_file(scratch / "out")));
  EXPECT_EQ(output.out, "");
  EXPECT_EQ(output.err, "err");
  EXPECT_EQ(content_of(scratch / "out"), "out");

  output = output_of(helper({"streams"}).stderr_to(stdio::to_stdout()));
  EXPECT_EQ(output.out, "outerr");
  EXPECT_EQ(output.err, "");

  output = output_of(helper({"streams"}).stdout_to(stdio::null()).stderr_to(stdio::null()));
  EXPECT_EQ(output.out + output.err, "");
}

TEST_P(async_capturing, tells_why_the_spawn_failed)
{
  const capture_result missing = outcome(program("/nonexistent"));
  EXPECT_EQ(missing.ec, std::errc::no_such_file_or_directory);
  EXPECT_EQ(missing.output.status, exit_status());
  EXPECT_EQ(missing.output.out + missing.output.err, "");
  EXPECT_FALSE(missing.output.report) << "of a process that was never the program";
}

TEST_P(async_capturing, waits_for_everyone_who_holds_a_stream)
{
  const captured_output output = output_of(helper({"spawn-grandchild-holding-stdout"}));
  EXPECT_TRUE(output.out.ends_with("\nlate\n")) << output.out;
}

TEST_P(async_capturing, waits_for_the_child_when_the_streams_have_ended)
{
  // Its end of the pipes is closed, and it runs until the test's pipe ends too.
  pipe_ends in = make_pipe();
  capture_result result;
  async_capture(context(),
                helper({"cat"})
                    .stdin_from(stdio::from_fd(std::move(in.read_end)))
                    .stdout_to(stdio::null())
                    .stderr_to(stdio::null()),
                result.handler());
  capture_result later;
  async_capture(context(), helper({"exit", "0"}), later.handler());
  run_until([&] { return later.calls == 1; });
  EXPECT_EQ(result.calls, 0);
  in.write_end.reset();
  run_to_end();
  EXPECT_TRUE(result.output.status.success());
}

TEST_P(async_capturing, many_at_once)
{
  std::vector<capture_result> results(20);
  for (std::size_t i = 0; i < results.size(); ++i)
    async_capture(context(), helper({"echo", std::to_string(i)}), results[i].handler());
  run_to_end();
  for (std::size_t i = 0; i < results.size(); ++i)
    EXPECT_EQ(results[i].output.out, std::to_string(i) + "\n");
}

TEST_P(async_capturing, cancelled_ends_the_child_and_gives_the_output_so_far)
{
  // The child writes more than a pipe holds, and then says so elsewhere.
  constexpr std::size_t written = 1'000'000;
  pipe_ends aside = make_pipe();
  asio::cancellation_signal cancel;
  capture_result result;
  async_capture(context(),
                helper({"write-then-hang", "1", std::to_string(written), "3", "1"}).map_fd(aside.write_end.get(), 3),
                asio::bind_cancellation_slot(cancel.slot(), result.handler()));
  run_until([&] { return becomes_readable(aside.read_end.get(), std::chrono::nanoseconds(0)); });
  EXPECT_TRUE(is_busy());
  EXPECT_EQ(result.calls, 0);
  cancel.emit(asio::cancellation_type::terminal);
  run_to_end();
  EXPECT_EQ(result.calls, 1);
  EXPECT_EQ(result.ec, asio::error::operation_aborted);
  EXPECT_EQ(result.output.status.signal(), SIGTERM);
  EXPECT_TRUE(result.output.out == std::string(written, 'o')) << result.output.out.size();
  EXPECT_FALSE(has_children());
}

TEST_P(async_capturing, cancelled_gently_gives_the_last_words_too)
{
  for (const auto type : {asio::cancellation_type::partial, asio::cancellation_type::total}) {
    pipe_ends out = make_pipe();
    asio::cancellation_signal cancel;
    capture_result result;
    command what = helper({"trap-and-tell", std::to_string(SIGTERM)});
    what.stdout_to(stdio::from_fd(std::move(out.write_end)));
    async_capture(context(), what, asio::bind_cancellation_slot(cancel.slot(), result.handler()));
    EXPECT_EQ(read_line(out.read_end.get()), "ready");
    capture_result later; // When it has come, the first one waits for its child.
    async_capture(context(), helper({"exit", "0"}), later.handler());
    run_until([&] { return later.calls == 1; });
    cancel.emit(type);
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    EXPECT_EQ(result.ec, asio::error::operation_aborted);
    EXPECT_EQ(result.output.status.code(), 100 + SIGTERM) << "not killed";
    EXPECT_EQ(result.output.err, "caught " + std::to_string(SIGTERM) + "\n");
  }
}

// The streams stay open in a process that the library knows nothing of.
TEST_P(async_capturing, cancelled_does_not_wait_for_a_grandchild)
{
  for (const auto type : {asio::cancellation_type::terminal, asio::cancellation_type::total}) {
    asio::cancellation_signal cancel;
    capture_result result;
    bool is_reaped = false; // It may be started and reaped within one turn.
    const observer watch([&](const observation& seen) { is_reaped = seen.what == observed::ended; });
    async_capture(context(), helper({"spawn-grandchild-that-hangs"}),
                  asio::bind_cancellation_slot(cancel.slot(), result.handler()));
    run_until([&] { return is_reaped; }); // And the streams go on.
    EXPECT_TRUE(is_busy());
    EXPECT_EQ(result.calls, 0);
    cancel.emit(type);
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    EXPECT_EQ(result.ec, asio::error::operation_aborted);
    EXPECT_TRUE(result.output.status.success());
    const pid_t grandchild = std::atoi(result.output.out.c_str());
    ASSERT_GT(grandchild, 0) << result.output.out;
    ::kill(grandchild, SIGKILL);
  }
}

TEST_P(async_capturing, cancelled_at_any_time_leaves_nothing)
{
  for (int handlers = 0; handlers < 15; ++handlers) {
    asio::cancellation_signal cancel;
    capture_result result;
    async_capture(context(), helper({"ready-then-hang"}),
                  asio::bind_cancellation_slot(cancel.slot(), result.handler()));
    context().restart();
    for (int i = 0; i < handlers; ++i)
      context().run_one_for(std::chrono::milliseconds(20));
    cancel.emit(handlers % 2 ? asio::cancellation_type::terminal : asio::cancellation_type::total);
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    EXPECT_EQ(result.ec, asio::error::operation_aborted);
    EXPECT_FALSE(has_children());
  }
}

} // namespace
} // namespace subprocess::tests
