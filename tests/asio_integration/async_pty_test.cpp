#include <asio_integration/terminal_stream.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/buffer.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/read.hpp>
#include <asio/read_until.hpp>

#include <asio_integration/async_capture.hpp>
#include <asio_integration/async_spawn.hpp>

#include "io_fixture.hpp"

namespace subprocess::tests {
namespace {

class async_terminals : public io_fixture {
protected:
  static command on_terminal(command what, window_size size = {})
  {
    return what.stdin_from(stdio::pty(size)).stdout_to(stdio::pty()).stderr_to(stdio::pty());
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
  captured_output output;
  async_capture(context(), on_terminal(helper({"isatty"})), [&](std::error_code ec, captured_output o) {
    EXPECT_FALSE(ec) << ec.message();
    output = std::move(o);
  });
  run_to_end();
  EXPECT_EQ(output.out, "tty tty tty\r\n");
  EXPECT_TRUE(output.status.success());
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
