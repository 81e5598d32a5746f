#include <asio_integration/input_stream.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/write.hpp>

#include <array>
#include <cerrno>
#include <csignal>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io_fixture.hpp"

namespace subprocess::tests {
namespace {

struct write_result {
  int calls = 0;
  std::error_code ec;
  std::size_t size = 0;

  auto handler()
  {
    return [this](std::error_code e, std::size_t s) {
      ++calls;
      ec = e;
      size = s;
    };
  }
};

sigset_t sigpipe_alone()
{
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGPIPE);
  return set;
}

bool is_blocked()
{
  sigset_t blocked;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  return ::sigismember(&blocked, SIGPIPE) == 1;
}

bool is_pending()
{
  sigset_t pending;
  ::sigpending(&pending);
  return ::sigismember(&pending, SIGPIPE) == 1;
}

class input_streams : public io_fixture {
protected:
  async_child start_ended(const stdio& input)
  {
    async_child ended = start(helper({"exit", "0"}).stdin_from(input));
    end_of(ended);
    return ended;
  }

  /// A write in each of the ways there are, none of which can succeed.
  void expect_broken(async_child& ended)
  {
    write_result all;
    asio::async_write(ended.stdin_pipe(), asio::buffer("x", 1), all.handler());
    EXPECT_EQ(all.calls, 0) << "called from within";
    run_to_end();
    EXPECT_EQ(all.ec, asio::error::broken_pipe) << all.ec.message();
    write_result some;
    ended.stdin_pipe().async_write_some(asio::buffer("x", 1), some.handler());
    run_to_end();
    EXPECT_EQ(some.ec, asio::error::broken_pipe) << some.ec.message();
    std::error_code ec;
    EXPECT_EQ(asio::write(ended.stdin_pipe(), asio::buffer("x", 1), ec), 0u);
    EXPECT_EQ(ec, asio::error::broken_pipe) << ec.message();
    EXPECT_THROW(ended.stdin_pipe().write_some(asio::buffer("x", 1)), std::system_error);
  }

  /// A helper that reads nothing, and whose pipe is full.
  async_child start_full()
  {
    async_child hanging = start_ready({"ready-then-hang"});
    hanging.stdin_pipe().non_blocking(true);
    const std::string much(1 << 20, 'x');
    std::error_code ec;
    asio::write(hanging.stdin_pipe(), asio::buffer(much), ec);
    EXPECT_EQ(ec, asio::error::would_block) << ec.message();
    return hanging;
  }
};
SUBPROCESS_FOR_EACH_SETUP(input_streams);

TEST_P(input_streams, to_nobody_are_broken_and_raise_no_signal)
{
  for (const stdio& kind : {stdio::pipe(), stdio::socket()})
    isolated_loop([&] {
      std::signal(SIGPIPE, SIG_DFL); // It would end this copy.
      async_child ended = start_ended(kind);
      expect_broken(ended);
      EXPECT_FALSE(is_blocked());
      EXPECT_FALSE(is_pending());
    });
}

TEST_P(input_streams, wait_for_room_though_their_descriptor_does_not_block)
{
  async_child slow = start(program("/bin/sh", {"-c", "sleep .05; exec cat >/dev/null"}).stdin_from(stdio::pipe()));
  slow.stdin_pipe().native_non_blocking(true);
  const std::string much(1 << 20, 'x');
  EXPECT_EQ(asio::write(slow.stdin_pipe(), asio::buffer(much)), much.size());
  slow.stdin_pipe().close();
  EXPECT_TRUE(end_of(slow).success());
}

TEST_P(input_streams, leave_the_programs_own_signal_alone)
{
  isolated_loop([&] {
    async_child ended = start_ended(stdio::pipe());
    const sigset_t sigpipe = sigpipe_alone();
    ::pthread_sigmask(SIG_BLOCK, &sigpipe, nullptr);
    expect_broken(ended);
    EXPECT_FALSE(is_pending()) << "theirs is taken away";
    EXPECT_TRUE(is_blocked());
    ::pthread_kill(::pthread_self(), SIGPIPE);
    expect_broken(ended);
    EXPECT_TRUE(is_pending()) << "ours is left";
    EXPECT_TRUE(is_blocked());

    std::signal(SIGPIPE, SIG_IGN);
    expect_broken(ended);
    struct sigaction now;
    ::sigaction(SIGPIPE, nullptr, &now);
    EXPECT_EQ(now.sa_handler, SIG_IGN);
  });
}

TEST_P(input_streams, are_stream_descriptors)
{
  async_child cat = start({"cat"});
  asio::posix::basic_stream_descriptor<asio::any_io_executor>& plain = cat.stdin_pipe();
  EXPECT_TRUE(plain.is_open());
  const std::array<asio::const_buffer, 4> pieces = {asio::buffer("one ", 4), asio::const_buffer(),
                                                    asio::buffer("two ", 4), asio::buffer("three\n", 6)};
  EXPECT_EQ(cat.stdin_pipe().write_some(pieces), 14u);
  write_result result;
  cat.stdin_pipe().async_write_some(pieces, result.handler());
  run_to_end();
  EXPECT_EQ(result.size, 14u);
  const std::vector<asio::const_buffer> many(100, asio::buffer("x", 1));
  asio::async_write(cat.stdin_pipe(), many, result.handler());
  run_to_end();
  EXPECT_EQ(result.size, 100u);
  cat.stdin_pipe().close();
  EXPECT_EQ(read_all(cat.stdout_pipe().native_handle()), "one two three\none two three\n" + std::string(100, 'x'));
  end_of(cat);
}

TEST_P(input_streams, write_nothing_at_once_and_need_an_open_descriptor)
{
  async_child full = start_full();
  write_result nothing;
  full.stdin_pipe().async_write_some(asio::const_buffer(), nothing.handler());
  run_to_end();
  EXPECT_EQ(nothing.calls, 1);
  EXPECT_FALSE(nothing.ec);
  full.stdin_pipe().close();
  write_result closed;
  full.stdin_pipe().async_write_some(asio::buffer("x", 1), closed.handler());
  run_to_end();
  EXPECT_EQ(closed.ec, asio::error::bad_descriptor);
}

TEST_P(input_streams, wait_for_room)
{
  const std::string sent(3 << 20, 'x');
  async_child cat = start({"cat"});
  write_result result;
  asio::async_write(cat.stdin_pipe(), asio::buffer(sent), result.handler());
  EXPECT_TRUE(is_busy());
  EXPECT_EQ(result.calls, 0) << "it cannot have gone";
  std::string got;
  std::array<char, 65536> piece;
  std::function<void()> read = [&] {
    cat.stdout_pipe().async_read_some(asio::buffer(piece), [&](std::error_code ec, std::size_t size) {
      got.append(piece.data(), size);
      if (!ec)
        read();
    });
  };
  read();
  run_until([&] { return got.size() == sent.size(); });
  EXPECT_EQ(result.size, sent.size());
}

TEST_P(input_streams, learn_of_a_reader_that_ends_while_they_wait)
{
  isolated_loop([&] {
    std::signal(SIGPIPE, SIG_DFL);
    async_child full = start_full();
    write_result result;
    asio::async_write(full.stdin_pipe(), asio::buffer("x", 1), result.handler());
    EXPECT_TRUE(is_busy());
    full.kill();
    run_to_end();
    EXPECT_EQ(result.ec, asio::error::broken_pipe) << result.ec.message();
    end_of(full);
  });
}

TEST_P(input_streams, can_be_cancelled_while_they_wait)
{
  async_child full = start_full();
  for (const auto type :
       {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
    asio::cancellation_signal cancel;
    write_result result;
    full.stdin_pipe().async_write_some(asio::buffer("x", 1),
                                       asio::bind_cancellation_slot(cancel.slot(), result.handler()));
    EXPECT_TRUE(is_busy());
    cancel.emit(type);
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    EXPECT_EQ(result.ec, asio::error::operation_aborted);
  }
  write_result result;
  full.stdin_pipe().async_write_some(asio::buffer("x", 1), result.handler());
  full.stdin_pipe().close();
  run_to_end();
  EXPECT_EQ(result.ec, asio::error::operation_aborted);
}

/// A stream to a full pipe, with a write that waits for room.
class waiting_writes : public input_streams {
protected:
  void TearDown() override
  {
    in.reset();
    pipe = {};
    input_streams::TearDown();
  }

  void fill()
  {
    pipe = make_pipe();
    in.emplace(context(), pipe.write_end.release());
    const std::string much(1 << 20, 'x');
    std::error_code ec;
    in->non_blocking(true);
    asio::write(*in, asio::buffer(much), ec);
    EXPECT_EQ(ec, asio::error::would_block) << ec.message();
  }

  void write_when(const std::function<void()>& has_room)
  {
    in->async_wait(in->wait_write, [has_room](std::error_code) { has_room(); });
    in->async_write_some(asio::buffer("y", 1), asio::bind_cancellation_slot(cancel.slot(), written.handler()));
    EXPECT_TRUE(is_busy());
    EXPECT_EQ(written.calls, 0);
  }

  std::string empty()
  {
    std::string got(1 << 20, '\0');
    const ssize_t size = ::read(pipe.read_end.get(), got.data(), got.size());
    got.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return got;
  }

  pipe_ends pipe;
  std::optional<input_stream<asio::any_io_executor>> in;
  asio::cancellation_signal cancel;
  write_result written;
};
SUBPROCESS_FOR_EACH_SETUP(waiting_writes);

// Asio tells both waits of the room in one turn; the first handler is the one that destroys.
TEST_P(waiting_writes, are_aborted_when_the_stream_is_destroyed)
{
  fill();
  write_when([&] { in.reset(); });
  empty();
  run_to_end();
  EXPECT_EQ(written.calls, 1);
  EXPECT_EQ(written.ec, asio::error::operation_aborted) << written.ec.message();
}

TEST_P(waiting_writes, are_aborted_when_another_stream_takes_the_place)
{
  fill();
  write_when([&] { *in = input_stream<asio::any_io_executor>(context()); });
  empty();
  run_to_end();
  EXPECT_EQ(written.ec, asio::error::operation_aborted) << written.ec.message();
}

TEST_P(waiting_writes, can_be_cancelled_when_the_stream_is_destroyed)
{
  fill();
  write_when([] {});
  in.reset();
  cancel.emit(asio::cancellation_type::terminal);
  run_to_end();
  EXPECT_EQ(written.calls, 1);
  EXPECT_EQ(written.ec, asio::error::operation_aborted) << written.ec.message();
}

TEST_P(waiting_writes, go_on_with_a_stream_that_is_moved)
{
  fill();
  write_when([] {});
  input_stream<asio::any_io_executor> first(std::move(*in));
  in.reset();
  input_stream<asio::any_io_executor> second(context());
  second = std::move(first);
  empty();
  run_to_end();
  EXPECT_FALSE(written.ec) << written.ec.message();
  EXPECT_EQ(written.size, 1u);
  EXPECT_EQ(empty(), "y");
}

TEST_P(input_streams, complete_on_the_handlers_executor)
{
  asio::io_context other;
  async_child cat = start({"cat"});
  write_result result;
  cat.stdin_pipe().async_write_some(asio::buffer("x", 1), asio::bind_executor(other, result.handler()));
  run_to_end();
  EXPECT_EQ(result.calls, 0);
  other.run_for(patience);
  EXPECT_EQ(result.size, 1u);
}

TEST_P(input_streams, call_nobody_when_the_context_is_gone)
{
  write_result waiting;
  write_result posted;
  {
    async_child full = start_full();
    async_child cat = start({"cat"});
    full.stdin_pipe().async_write_some(asio::buffer("x", 1), waiting.handler());
    cat.stdin_pipe().async_write_some(asio::buffer("x", 1), posted.handler());
  }
  end_context();
  EXPECT_EQ(waiting.calls + posted.calls, 0);
}

} // namespace
} // namespace subprocess::tests
