#include <asio_integration/child_lines.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/thread_pool.hpp>

#include <functional>
#include <future>
#include <string>

#include "io_fixture.hpp"

namespace subprocess::tests {
namespace {

struct next_result {
  int calls = 0;
  std::error_code ec;
  output_line line;

  auto handler()
  {
    return [this](std::error_code e, output_line l) {
      ++calls;
      ec = e;
      line = std::move(l);
    };
  }
};

class lines_of_a_child : public io_fixture {
protected:
  async_child start_sh(std::string_view script)
  {
    return start(
        program("sh", {"-c", script}).stdin_from(stdio::pipe()).stdout_to(stdio::pipe()).stderr_to(stdio::pipe()));
  }

  next_result next(child_lines& lines)
  {
    next_result result;
    lines.async_next(result.handler());
    EXPECT_EQ(result.calls, 0) << "called from within";
    run_until([&] { return result.calls > 0; });
    EXPECT_EQ(result.calls, 1);
    return result;
  }

  void expect(child_lines& lines, output_stream which, std::string_view text)
  {
    const next_result result = next(lines);
    EXPECT_FALSE(result.ec) << result.ec.message();
    EXPECT_EQ(result.line.which, which) << text;
    EXPECT_EQ(result.line.text, text);
  }
};
SUBPROCESS_FOR_EACH_SETUP(lines_of_a_child);

// The child goes on only when the line before was taken.
TEST_P(lines_of_a_child, come_in_the_order_of_arrival)
{
  async_child sh = start_sh("echo one; read x; echo two >&2; read x; echo three; read x; printf end >&2");
  child_lines lines(sh);
  expect(lines, output_stream::out, "one");
  write_all(sh.stdin_pipe().native_handle(), "\n");
  expect(lines, output_stream::err, "two");
  write_all(sh.stdin_pipe().native_handle(), "\n");
  expect(lines, output_stream::out, "three");
  write_all(sh.stdin_pipe().native_handle(), "\n");
  expect(lines, output_stream::err, "end");
  EXPECT_EQ(next(lines).ec, asio::error::eof);
  EXPECT_EQ(next(lines).ec, asio::error::eof);
  end_of(sh);
}

TEST_P(lines_of_a_child, that_never_stops_do_not_hide_the_other_stream)
{
  async_child sh = start_sh("echo first; yes & echo bad >&2; wait");
  child_lines lines(sh);
  bool seen = false;
  for (int i = 0; i < 100000 && !seen; ++i)
    seen = next(lines).line.which == output_stream::err;
  EXPECT_TRUE(seen);
  sh.stdout_pipe().close(); // Which ends yes.
  sh.stderr_pipe().close();
  EXPECT_EQ(next(lines).ec, asio::error::eof);
  end_of(sh);
}

TEST_P(lines_of_a_child, are_read_only_while_they_are_asked_for)
{
  async_child sh = start_sh("yes");
  child_lines lines(sh);
  expect(lines, output_stream::out, "y");
  EXPECT_FALSE(is_busy()) << "it reads ahead, and holds the loop";
  sh.stdout_pipe().close();
  end_of(sh);
}

TEST_P(lines_of_a_child, may_be_those_of_one_stream_or_none)
{
  async_child one = start({"echo", "text"});
  child_lines lines(one);
  expect(lines, output_stream::out, "text");
  EXPECT_EQ(next(lines).ec, asio::error::eof);
  end_of(one);

  async_child only_err =
      start(helper({"stdin-to-stderr"}).stdin_from(stdio::from_string("text\n")).stderr_to(stdio::pipe()));
  child_lines errors(only_err);
  expect(errors, output_stream::err, "text");
  EXPECT_EQ(next(errors).ec, asio::error::eof);
  end_of(only_err);

  async_child none = start(helper({"exit", "0"}).stdin_from(stdio::null()));
  child_lines nothing(none);
  EXPECT_EQ(next(nothing).ec, asio::error::eof);
  end_of(none);

  async_child empty;
  child_lines of_empty(empty);
  std::promise<std::error_code> told; // An empty child completes on a thread of the system's.
  of_empty.async_next([&](std::error_code ec, output_line) { told.set_value(ec); });
  EXPECT_EQ(told.get_future().get(), asio::error::eof);
}

TEST_P(lines_of_a_child, may_come_from_a_terminal)
{
  async_child helper =
      start(this->helper({"echo", "text"}).stdin_from(stdio::pty()).stdout_to(stdio::pty()).stderr_to(stdio::pipe()));
  child_lines lines(helper);
  expect(lines, output_stream::out, "text\r");
  EXPECT_EQ(next(lines).ec, asio::error::eof);
  end_of(helper);
}

TEST_P(lines_of_a_child, that_are_too_long_are_cut)
{
  async_child sh = start_sh("echo 123456; echo 123456789 >&2; read x; echo 12345");
  child_lines lines(sh, {.longest = 5});
  for (int i = 0; i < 2; ++i) {
    const next_result result = next(lines);
    EXPECT_EQ(result.ec, std::errc::message_size);
    EXPECT_EQ(result.line.text, "12345");
  }
  write_all(sh.stdin_pipe().native_handle(), "\n");
  expect(lines, output_stream::out, "12345");
  EXPECT_EQ(next(lines).ec, asio::error::eof);
  end_of(sh);
}

// As a compiler that complains while a download shows its progress.
TEST_P(lines_of_a_child, may_end_with_a_return)
{
  async_child sh = start_sh("printf '10%%\\r'; read x; printf '\\r\\n' >&2; read x; printf '\\nend\\r\\n'");
  child_lines lines(sh, {.ends = line_end::newline_or_return()});
  expect(lines, output_stream::out, "10%");
  write_all(sh.stdin_pipe().native_handle(), "\n");
  expect(lines, output_stream::err, "");
  write_all(sh.stdin_pipe().native_handle(), "\n");
  expect(lines, output_stream::out, "end");
  EXPECT_EQ(next(lines).ec, asio::error::eof);
  end_of(sh);
}

TEST_P(lines_of_a_child, many)
{
  async_child sh = start_sh("seq 1 20000; seq 1 20000 >&2");
  child_lines lines(sh);
  std::size_t seen[2] = {};
  std::function<void()> read = [&] {
    lines.async_next([&](std::error_code ec, output_line line) {
      if (ec) {
        EXPECT_EQ(ec, asio::error::eof);
        return;
      }
      EXPECT_EQ(line.text, std::to_string(++seen[line.which == output_stream::err]));
      read();
    });
  };
  read();
  run_to_end();
  EXPECT_EQ(seen[0], 20000u);
  EXPECT_EQ(seen[1], 20000u);
  end_of(sh);
}

TEST_P(lines_of_a_child, are_not_lost_by_a_cancellation)
{
  async_child sh = start_sh("printf part; read x; echo end");
  child_lines lines(sh);
  for (const auto type :
       {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
    asio::cancellation_signal cancel;
    next_result result;
    lines.async_next(asio::bind_cancellation_slot(cancel.slot(), result.handler()));
    EXPECT_TRUE(is_busy());
    EXPECT_EQ(result.calls, 0);
    cancel.emit(type);
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    EXPECT_EQ(result.ec, asio::error::operation_aborted);
  }
  write_all(sh.stdin_pipe().native_handle(), "\n");
  expect(lines, output_stream::out, "partend");
  EXPECT_EQ(next(lines).ec, asio::error::eof);
  end_of(sh);
}

TEST_P(lines_of_a_child, go_on_when_it_is_moved_and_end_when_it_is_dropped)
{
  next_result result;
  {
    async_child second;
    {
      async_child first = start({"cat"});
      child_lines lines(first);
      lines.async_next(result.handler());
      second = std::move(first);
    }
    EXPECT_TRUE(is_busy());
    write_all(second.stdin_pipe().native_handle(), "text\n");
    run_to_end();
    EXPECT_EQ(result.line.text, "text");
    child_lines lines(second);
    lines.async_next(result.handler());
    EXPECT_TRUE(is_busy());
  }
  run_to_end();
  EXPECT_EQ(result.calls, 2);
  EXPECT_EQ(result.ec, asio::error::eof);
}

TEST_P(lines_of_a_child, complete_on_the_handlers_executor)
{
  asio::io_context other;
  async_child cat = start({"cat"});
  child_lines lines(cat);
  next_result result;
  lines.async_next(asio::bind_executor(other, result.handler()));
  write_all(cat.stdin_pipe().native_handle(), "text\n");
  run_beside(other, [&] { return result.calls > 0; });
  EXPECT_EQ(result.line.text, "text");
}

TEST_P(lines_of_a_child, on_a_pool_of_threads)
{
  asio::thread_pool pool(4);
  use_source(pool);
  async_child sh =
      spawn(pool, program("sh", {"-c", "seq 1 500; seq 1 500 >&2"}).stdout_to(stdio::pipe()).stderr_to(stdio::pipe()));
  child_lines lines(sh);
  int count = 0;
  std::promise<void> done;
  std::function<void()> read = [&] {
    lines.async_next([&](std::error_code ec, output_line) {
      if (ec)
        return done.set_value();
      ++count;
      read();
    });
  };
  read();
  ASSERT_EQ(done.get_future().wait_for(patience), std::future_status::ready);
  EXPECT_EQ(count, 1000);
  pool.join();
}

TEST_P(lines_of_a_child, are_for_nobody_when_the_context_is_gone)
{
  next_result result;
  {
    async_child helper = start_ready({"ready-then-hang"});
    child_lines lines(helper);
    lines.async_next(result.handler());
    EXPECT_TRUE(is_busy());
  }
  end_context();
  EXPECT_EQ(result.calls, 0);
}

} // namespace
} // namespace subprocess::tests
