#include <asio_integration/line_reader.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "io_fixture.hpp"

namespace subprocess::tests {
namespace {

using detail::line_buffer;

void add(line_buffer& buffer, std::string_view text)
{
  while (!text.empty()) {
    const auto room = buffer.room();
    ASSERT_FALSE(room.empty());
    const std::size_t size = std::min(room.size(), text.size());
    std::copy_n(text.data(), size, room.data());
    buffer.add(size);
    text.remove_prefix(size);
  }
}

/// What comes out, each with a mark of how.
std::vector<std::string> lines_of(line_buffer& buffer)
{
  std::vector<std::string> lines;
  std::string line;
  for (;;)
    switch (buffer.next(line)) {
    case line_buffer::result::line: lines.push_back("=" + line); break;
    case line_buffer::result::too_long: lines.push_back(">" + line); break;
    case line_buffer::result::more: return lines;
    }
}

using texts = std::vector<std::string>;

TEST(line_buffer_of, whole_lines_gives_each)
{
  line_buffer buffer(line_options{.longest = 100});
  add(buffer, "one\n\ntwo\nthr");
  EXPECT_EQ(lines_of(buffer), (texts{"=one", "=", "=two"}));
  add(buffer, "ee\n");
  EXPECT_EQ(lines_of(buffer), texts{"=three"});
  std::string line;
  EXPECT_FALSE(buffer.take_last(line));
}

TEST(line_buffer_of, a_line_in_single_bytes_gives_it_once)
{
  line_buffer buffer(line_options{.longest = 100});
  texts all;
  for (const char c : std::string("ab\ncd\ne")) {
    add(buffer, {&c, 1});
    for (const std::string& line : lines_of(buffer))
      all.push_back(line);
  }
  EXPECT_EQ(all, (texts{"=ab", "=cd"}));
  std::string line;
  EXPECT_TRUE(buffer.take_last(line));
  EXPECT_EQ(line, "e");
  EXPECT_FALSE(buffer.take_last(line));
}

TEST(line_buffer_of, the_greatest_length_is_whole_and_one_more_is_too_long)
{
  line_buffer buffer(line_options{.longest = 3});
  add(buffer, "abc\nabcd\nab\n");
  EXPECT_EQ(lines_of(buffer), (texts{"=abc", ">abc", "=ab"}));
  add(buffer, "abc");
  EXPECT_EQ(lines_of(buffer), texts{});
  add(buffer, "d");
  EXPECT_EQ(lines_of(buffer), texts{">abc"}) << "without its end in sight";
  add(buffer, "efgh");
  EXPECT_EQ(lines_of(buffer), texts{}) << "dropped";
  add(buffer, "i\nx\n");
  EXPECT_EQ(lines_of(buffer), texts{"=x"});
  add(buffer, "long line");
  EXPECT_EQ(lines_of(buffer), texts{">lon"});
  add(buffer, "its rest");
  std::string line;
  EXPECT_FALSE(buffer.take_last(line));
}

TEST(line_buffer_of, no_length_has_empty_lines_only)
{
  line_buffer buffer(line_options{.longest = 0});
  add(buffer, "\na\n\n");
  EXPECT_EQ(lines_of(buffer), (texts{"=", ">", "="}));
}

// What was taken makes room again.
TEST(line_buffer_of, lines_without_end_reads_to_the_same_place)
{
  line_buffer buffer(line_options{.longest = 2000});
  const char* const place = buffer.room().data();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(buffer.room().data(), place);
    add(buffer, std::string(1000, 'x') + "\n");
    EXPECT_EQ(lines_of(buffer).size(), 1u);
  }
}

TEST(line_buffer_of, any_input_gives_what_was_put_in)
{
  std::string sent;
  texts expected;
  for (std::size_t i = 0; i < 3000; ++i) {
    const std::string line(i * 7 % 501, static_cast<char>('a' + i % 26));
    expected.push_back("=" + line);
    sent += line + '\n';
  }
  for (const std::size_t size : {std::size_t(1000), std::size_t(4096), std::size_t(16384)}) {
    line_buffer buffer(line_options{.longest = 500});
    texts all;
    for (std::size_t at = 0; at < sent.size(); at += size) {
      add(buffer, std::string_view(sent).substr(at, size));
      std::ranges::move(lines_of(buffer), std::back_inserter(all));
    }
    EXPECT_TRUE(all == expected) << size;
  }
}

struct line_result {
  int calls = 0;
  std::error_code ec;
  std::string line;

  auto handler()
  {
    return [this](std::error_code e, std::string l) {
      ++calls;
      ec = e;
      line = std::move(l);
    };
  }
};

class line_reading : public io_fixture {
protected:
  using stream = asio::posix::stream_descriptor;

  template <class Stream>
  line_result next(line_reader<Stream>& lines)
  {
    line_result result;
    lines.async_read_line(result.handler());
    EXPECT_EQ(result.calls, 0) << "called from within";
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    return result;
  }
};
SUBPROCESS_FOR_EACH_SETUP(line_reading);

TEST_P(line_reading, gives_the_lines_of_a_child_and_then_its_end)
{
  async_child helper = start({"echo", "one", "", "three"});
  line_reader lines(helper.stdout_pipe());
  for (const char* const expected : {"one", "", "three"}) {
    const line_result result = next(lines);
    EXPECT_FALSE(result.ec) << result.ec.message();
    EXPECT_EQ(result.line, expected);
  }
  EXPECT_EQ(next(lines).ec, asio::error::eof);
  EXPECT_EQ(next(lines).ec, asio::error::eof);
  end_of(helper);
}

TEST_P(line_reading, a_last_line_needs_no_newline)
{
  stream pipe(context(), pipe_with("one\ntwo").release());
  line_reader lines(pipe);
  EXPECT_EQ(next(lines).line, "one");
  const line_result last = next(lines);
  EXPECT_FALSE(last.ec);
  EXPECT_EQ(last.line, "two");
  EXPECT_EQ(next(lines).ec, asio::error::eof);
}

TEST_P(line_reading, a_line_that_is_too_long_gives_its_beginning_and_is_skipped)
{
  stream pipe(context(), pipe_with("short\nmuch too long\nnext\n" + std::string(50000, 'x') + "\nlast\n").release());
  line_reader lines(pipe, {.longest = 5});
  EXPECT_EQ(next(lines).line, "short");
  line_result result = next(lines);
  EXPECT_EQ(result.ec, std::errc::message_size);
  EXPECT_EQ(result.line, "much ");
  EXPECT_EQ(next(lines).line, "next");
  result = next(lines);
  EXPECT_EQ(result.ec, std::errc::message_size);
  EXPECT_EQ(result.line, "xxxxx");
  EXPECT_EQ(next(lines).line, "last");
  EXPECT_EQ(next(lines).ec, asio::error::eof);
}

TEST_P(line_reading, of_a_terminal)
{
  async_child helper =
      start(this->helper({"echo", "text"}).stdin_from(stdio::pty()).stdout_to(stdio::pty()).stderr_to(stdio::pty()));
  line_reader lines(helper.pty());
  EXPECT_EQ(next(lines).line, "text\r");
  EXPECT_EQ(next(lines).ec, asio::error::eof);
  end_of(helper);
}

TEST_P(line_reading, of_a_terminal_where_a_return_ends_a_line_too)
{
  async_child helper =
      start(this->helper({"echo", "text"}).stdin_from(stdio::pty()).stdout_to(stdio::pty()).stderr_to(stdio::pty()));
  line_reader lines(helper.pty(), {.ends = line_end::newline_or_return()});
  EXPECT_EQ(next(lines).line, "text");
  EXPECT_EQ(next(lines).ec, asio::error::eof);
  end_of(helper);
}

// The writer goes on only when the line before has come.
TEST_P(line_reading, a_return_ends_a_line_at_once)
{
  pipe_ends ends = make_pipe();
  stream pipe(context(), ends.read_end.release());
  line_reader lines(pipe, {.ends = line_end::newline_or_return()});
  for (const std::string progress : {"10%", "20%", "done"}) {
    write_all(ends.write_end.get(), progress + '\r');
    EXPECT_EQ(next(lines).line, progress);
  }
  write_all(ends.write_end.get(), "\nlast\n");
  EXPECT_EQ(next(lines).line, "last");
  ends.write_end.reset();
  EXPECT_EQ(next(lines).ec, asio::error::eof);
}

TEST_P(line_reading, a_newline_that_belongs_to_a_return_is_no_line_at_the_end_either)
{
  pipe_ends ends = make_pipe();
  stream pipe(context(), ends.read_end.release());
  line_reader lines(pipe, {.ends = line_end::newline_or_return()});
  write_all(ends.write_end.get(), "last\r");
  EXPECT_EQ(next(lines).line, "last");
  write_all(ends.write_end.get(), "\n");
  ends.write_end.reset();
  EXPECT_EQ(next(lines).ec, asio::error::eof);
}

TEST_P(line_reading, of_names_that_end_with_a_zero)
{
  stream pipe(context(), pipe_with(std::string("./a\nb\0./c\0", 10)).release());
  line_reader lines(pipe, {.ends = '\0'});
  EXPECT_EQ(next(lines).line, "./a\nb");
  EXPECT_EQ(next(lines).line, "./c");
  EXPECT_EQ(next(lines).ec, asio::error::eof);
}

TEST_P(line_reading, cancelled_loses_nothing)
{
  pipe_ends ends = make_pipe();
  stream pipe(context(), ends.read_end.release());
  line_reader lines(pipe);
  for (const auto type :
       {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
    asio::cancellation_signal cancel;
    line_result result;
    lines.async_read_line(asio::bind_cancellation_slot(cancel.slot(), result.handler()));
    write_all(ends.write_end.get(), "part ");
    EXPECT_TRUE(is_busy());
    cancel.emit(type);
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    EXPECT_EQ(result.ec, asio::error::operation_aborted);
  }
  write_all(ends.write_end.get(), "end\n");
  EXPECT_EQ(next(lines).line, "part part part end");
}

TEST_P(line_reading, errors_of_the_stream_are_told)
{
  pipe_ends ends = make_pipe();
  stream pipe(context(), ends.read_end.release());
  line_reader lines(pipe);
  line_result result;
  lines.async_read_line(result.handler());
  EXPECT_TRUE(is_busy());
  pipe.close();
  run_to_end();
  EXPECT_EQ(result.ec, asio::error::operation_aborted);
  EXPECT_EQ(next(lines).ec, asio::error::bad_descriptor);
}

TEST_P(line_reading, outlives_its_reader_and_uses_the_handlers_executor)
{
  asio::io_context other;
  pipe_ends ends = make_pipe();
  stream pipe(context(), ends.read_end.release());
  auto lines = std::make_unique<line_reader<stream>>(pipe);
  line_result result;
  lines->async_read_line(asio::bind_executor(other, result.handler()));
  lines.reset();
  write_all(ends.write_end.get(), "text\n");
  run_until([&] {
    other.restart();
    other.poll();
    return result.calls == 1;
  });
  EXPECT_EQ(result.line, "text");
}

TEST_P(line_reading, calls_nobody_when_the_context_is_gone)
{
  line_result waiting;
  line_result posted;
  pipe_ends ends = make_pipe();
  pipe_ends silence = make_pipe();
  {
    stream pipe(context(), ends.read_end.release());
    line_reader lines(pipe);
    write_all(ends.write_end.get(), "one\ntwo\n");
    EXPECT_EQ(next(lines).line, "one");
    lines.async_read_line(posted.handler());
    stream silent(context(), silence.read_end.release());
    line_reader(silent).async_read_line(waiting.handler());
  }
  end_context();
  EXPECT_EQ(waiting.calls + posted.calls, 0);
}

} // namespace
} // namespace subprocess::tests
