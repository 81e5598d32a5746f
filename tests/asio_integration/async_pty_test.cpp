#include <asio_integration/terminal_stream.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/buffer.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/read.hpp>
#include <asio/read_until.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <asio_integration/async_capture.hpp>
#include <asio_integration/async_communicate.hpp>
#include <asio_integration/async_pipeline.hpp>
#include <asio_integration/async_run.hpp>
#include <asio_integration/async_spawn.hpp>
#include <asio_integration/child_lines.hpp>

#include "io_fixture.hpp"
#include "support/deadline.hpp"
#include "support/early_ends.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

class async_terminals : public io_fixture {
protected:
  static command on_terminal(command what, window_size size = {})
  {
    return what.stdin_from(stdio::pty(size)).stdout_to(stdio::pty()).stderr_to(stdio::pty());
  }

  captured_output captured(const command& what, const capture_options& options = {})
  {
    captured_output output;
    async_capture(context(), what, options, [&](std::error_code ec, captured_output o) {
      EXPECT_FALSE(ec) << ec.message();
      output = std::move(o);
    });
    run_to_end();
    EXPECT_TRUE(output.status.success()) << output.status;
    return output;
  }

  std::string everything(async_child& running)
  {
    std::string text;
    std::error_code ec;
    asio::async_read(running.pty(), asio::dynamic_buffer(text), [&](std::error_code e, std::size_t) { ec = e; });
    run_to_end();
    EXPECT_EQ(ec, asio::error::eof) << ec.message();
    return text;
  }
};
SUBPROCESS_FOR_EACH_SETUP(async_terminals);

TEST_P(async_terminals, end_with_end_of_file)
{
  async_child started = start(on_terminal(helper({"isatty"}), {30, 90}));
  EXPECT_EQ(everything(started), "tty tty tty\r\n");
  char byte;
  std::error_code ec;
  EXPECT_EQ(started.pty().read_some(asio::buffer(&byte, 1), ec), 0u);
  EXPECT_EQ(ec, asio::error::eof);
  EXPECT_TRUE(end_of(started).success());
}

TEST_P(async_terminals, control_a_session_and_can_be_resized)
{
  async_child session = start(on_terminal(helper({"ttysession", "0"})));
  EXPECT_EQ(everything(session), "1 1 1 1\r\n");
  async_child started = start(on_terminal(helper({"ttyresize"}), {30, 90}));
  std::string text;
  asio::async_read_until(started.pty(), asio::dynamic_buffer(text), '\n', [](std::error_code, std::size_t) {});
  run_to_end();
  EXPECT_EQ(text, "30 90\r\n");
  started.resize_pty({40, 120});
  EXPECT_EQ(everything(started), "40 120\r\n");
  std::error_code ec;
  async_child().resize_pty({}, ec);
  EXPECT_EQ(ec, std::errc::invalid_argument);
  EXPECT_FALSE(end_of(started).signal());
  EXPECT_TRUE(started.report());
}

TEST_P(async_terminals, come_with_async_spawn_too)
{
  async_child started;
  async_spawn(context(), on_terminal(helper({"ttysize", "0"})), [&](std::error_code ec, async_child child) {
    EXPECT_FALSE(ec) << ec.message();
    started = std::move(child);
  });
  run_to_end();
  EXPECT_EQ(everything(started), "24 80\r\n");
  end_of(started);
}

// The end is told twice, and in between the stream goes.
TEST_P(async_terminals, reading_is_aborted_when_the_stream_is_destroyed)
{
  async_child started = start(on_terminal(helper({"hang"})));
  std::optional<terminal_stream<asio::any_io_executor>> moved(std::move(started.pty()));
  moved->async_wait(moved->wait_error, [&](std::error_code) { moved.reset(); });
  std::error_code ec;
  char byte;
  moved->async_read_some(asio::buffer(&byte, 1), [&](std::error_code e, std::size_t) { ec = e; });
  started.kill();
  run_to_end();
  EXPECT_FALSE(moved);
  EXPECT_EQ(ec, asio::error::operation_aborted) << ec.message();
  end_of(started);
}

TEST_P(async_terminals, reading_goes_on_with_a_stream_that_is_moved)
{
  async_child started = start(on_terminal(helper({"isatty"})));
  std::error_code ec;
  std::string text(64, '\0');
  started.pty().async_read_some(asio::buffer(text), [&](std::error_code e, std::size_t size) {
    ec = e;
    text.resize(size);
  });
  terminal_stream<asio::any_io_executor> moved(std::move(started.pty()));
  run_to_end();
  EXPECT_FALSE(ec) << ec.message();
  EXPECT_EQ(text, "tty tty tty\r\n");
  end_of(started);
}

TEST_P(async_terminals, reading_can_be_cancelled)
{
  async_child started = start(on_terminal(helper({"hang"})));
  asio::cancellation_signal cancel;
  std::error_code ec;
  char byte;
  started.pty().async_read_some(
      asio::buffer(&byte, 1),
      asio::bind_cancellation_slot(cancel.slot(), [&](std::error_code e, std::size_t) { ec = e; }));
  cancel.emit(asio::cancellation_type::total);
  run_to_end();
  EXPECT_EQ(ec, asio::error::operation_aborted);
  started.kill();
  end_of(started);
}

TEST_P(async_terminals, can_be_captured)
{
  EXPECT_EQ(captured(on_terminal(helper({"isatty"}))).out, "tty tty tty\r\n");
}

TEST_P(async_terminals, of_a_capture_have_no_input_for_whoever_reads)
{
  for (const std::string script : {"cat; cat; cat", "stty -icanon; cat", "read word || echo end >&2; cat"})
    EXPECT_EQ(captured(program("sh", {"-c", script}).stdin_from(stdio::pty())).out, "") << script;
  wait_result result;
  async_run(context(), program("sh", {"-c", "cat; cat"}).stdin_from(stdio::pty()), result.handler());
  run_to_end();
  EXPECT_TRUE(result.status.success());
  async_pipeline(context(), program("cat").stdin_from(stdio::pty()) | program("cat"),
                 [](std::error_code ec, pipeline_result piped) {
                   EXPECT_FALSE(ec) << ec.message();
                   EXPECT_TRUE(piped.pipefail().success()) << piped.pipefail();
                 });
  run_to_end();
}

TEST_P(async_terminals, can_be_written_to_by_the_back_door)
{
  command what = program("sh", {"-c", "head -c 100000 /dev/zero > /dev/tty"}).stdin_from(stdio::pty());
  EXPECT_EQ(captured(what).out, "") << "stdout is a pipe of its own";
  async_pipeline(context(), what | program("cat"), [](std::error_code ec, pipeline_result piped) {
    EXPECT_FALSE(ec) << ec.message();
    EXPECT_TRUE(piped.pipefail().success()) << piped.pipefail();
  });
  run_to_end();
  what.stdout_to(stdio::null());
  EXPECT_EQ(captured(what).out.size(), 100000u) << "it counts as the first that is not read otherwise";
  wait_result result;
  async_run(context(), what, result.handler());
  run_to_end();
  EXPECT_TRUE(result.status.success());
}

TEST_P(async_terminals, lose_nothing_that_was_written_before_the_end_without_a_grace)
{
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(captured(on_terminal(helper({"write", "1", "20000"})), {.drain_grace = 0ns}).out.size(), 20000u);
}

// The last of them would be lost to whoever believes the first end that is told.
TEST_P(async_terminals, lose_nothing_when_the_end_is_told_early)
{
  const command what = on_terminal(helper({"write", "1", "20000"}));
  const early_ends ends;
  EXPECT_EQ(captured(what).out.size(), 20000u);
  EXPECT_EQ(captured(what, {.drain_grace = 0ns}).out.size(), 20000u);
  EXPECT_GT(ends.told(), 2u);

  async_child started = start(what);
  EXPECT_EQ(everything(started).size(), 20000u);
  async_child read_by_hand = start(what);
  std::size_t got = 0;
  std::error_code ec;
  for (char text[4096]; !ec;)
    got += read_by_hand.pty().read_some(asio::buffer(text), ec);
  EXPECT_EQ(ec, asio::error::eof);
  EXPECT_EQ(got, 20000u);

  async_child talked_to = start(what);
  captured_output output;
  async_communicate(talked_to, capture_options(), [&](std::error_code, captured_output o) { output = std::move(o); });
  run_to_end();
  EXPECT_EQ(output.out.size(), 20000u);
  for (async_child* child : {&started, &read_by_hand})
    EXPECT_TRUE(end_of(*child).success());
}

// Nobody hears of a cancellation between the two looks, unless it is remembered.
TEST_P(async_terminals, lose_nothing_to_a_read_that_is_cancelled_at_an_early_end)
{
  async_child started = start(on_terminal(helper({"write", "1", "20000"})));
  ASSERT_TRUE(becomes_readable(started.pty().native_handle()));
  char text[1000];
  std::error_code ended;
  std::size_t got = 0;
  {
    const early_ends ends;
    asio::cancellation_signal stop;
    started.pty().async_read_some(asio::buffer(text),
                                  asio::bind_cancellation_slot(stop.slot(), [&](auto ec, auto size) {
                                    ended = ec;
                                    got = size;
                                  }));
    stop.emit(asio::cancellation_type::terminal);
    run_to_end();
    EXPECT_EQ(ends.told(), 1u);
  }
  EXPECT_EQ(ended, asio::error::operation_aborted);
  EXPECT_EQ(got, 0u);
  EXPECT_EQ(everything(started).size(), 20000u);
  EXPECT_TRUE(end_of(started).success());
}

TEST_P(async_terminals, lose_no_line_when_the_end_is_told_early)
{
  const command what = on_terminal(program("seq", {"1000"}));
  const early_ends ends;
  async_child started = start(what);
  child_lines lines(started);
  int count = 0;
  std::error_code ended;
  std::function<void()> next = [&] {
    lines.async_next([&](std::error_code ec, const output_line&) {
      count += !ec;
      ended = ec;
      if (!ec)
        next();
    });
  };
  next();
  run_to_end();
  EXPECT_EQ(ended, asio::error::eof);
  EXPECT_EQ(count, 1000);
  EXPECT_TRUE(end_of(started).success());
}

TEST_P(async_terminals, do_not_hang_up_on_a_child_that_has_left_them)
{
  const command what = on_terminal(program("sh", {"-c", "exec < /dev/null > /dev/null 2>&1; sleep 0.1; exit 0"}));
  captured(what);
  async_child started = start(what);
  captured_output output;
  async_communicate(started, capture_options(), [&](std::error_code, captured_output o) { output = std::move(o); });
  run_to_end();
  EXPECT_TRUE(output.status.success()) << output.status;
}

TEST_P(async_terminals, of_a_failed_spawn_leave_nothing)
{
  std::error_code failed;
  async_spawn(context(), on_terminal(program("/nonexistent")), [&](std::error_code ec, async_child) { failed = ec; });
  run_to_end();
  EXPECT_EQ(failed, std::errc::no_such_file_or_directory);
}

} // namespace
} // namespace subprocess::tests
