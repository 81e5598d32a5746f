#include <asio_integration/async_tee.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/thread_pool.hpp>

#include <csignal>
#include <future>
#include <string>

#include "io_fixture.hpp"

namespace subprocess::tests {
namespace {

struct tee_result {
  int calls = 0;
  std::error_code ec;
  std::uint64_t bytes = 0;

  auto handler()
  {
    return [this](std::error_code e, std::uint64_t b) {
      ++calls;
      ec = e;
      bytes = b;
    };
  }
};

class async_teeing : public io_fixture {
protected:
  using stream = asio::posix::stream_descriptor;

  stream reader_of(pipe_ends& ends) { return stream(context(), ends.read_end.release()); }
  stream writer_of(pipe_ends& ends) { return stream(context(), ends.write_end.release()); }

  command shell(std::string script) const
  {
    return program("sh", {"-c", script}).stdin_from(stdio::null()).stdout_to(stdio::pipe());
  }
};
SUBPROCESS_FOR_EACH_SETUP(async_teeing);

TEST_P(async_teeing, gives_everything_to_every_sink)
{
  async_child source = start({"write", "1", "3000000"});
  async_child first = start({"cat"});
  async_child second = start({"cat"});
  tee_result result;
  async_tee(source.stdout_pipe(), std::tie(first.stdin_pipe(), second.stdin_pipe()), result.handler());
  EXPECT_EQ(result.calls, 0) << "called from within";
  tee_result dropped[2]; // No sink: read to the end, and counted.
  async_tee(first.stdout_pipe(), std::tie(), dropped[0].handler());
  async_tee(second.stdout_pipe(), std::tie(), dropped[1].handler());
  run_until([&] { return result.calls == 1; });
  EXPECT_FALSE(result.ec) << result.ec.message();
  EXPECT_EQ(result.bytes, 3000000u);
  EXPECT_TRUE(first.stdin_pipe().is_open()) << "nothing is closed";
  first.stdin_pipe().close();
  second.stdin_pipe().close();
  run_to_end();
  EXPECT_EQ(dropped[0].bytes, 3000000u);
  EXPECT_EQ(dropped[1].bytes, 3000000u);
  end_of(source);
}

TEST_P(async_teeing, keeps_the_bytes_as_they_are)
{
  pipe_ends in = make_pipe();
  pipe_ends one = make_pipe();
  pipe_ends two = make_pipe();
  write_all(in.write_end.get(), "some text");
  in.write_end.reset();
  {
    stream source = reader_of(in);
    stream first = writer_of(one);
    stream second = writer_of(two);
    tee_result result;
    async_tee(source, std::tie(first, second), result.handler());
    run_to_end();
    EXPECT_EQ(result.bytes, 9u);
  }
  EXPECT_EQ(read_all(one.read_end.get()), "some text");
  EXPECT_EQ(read_all(two.read_end.get()), "some text");
}

TEST_P(async_teeing, waits_for_the_slowest)
{
  async_child source = start({"write", "1", "1000000"});
  pipe_ends slow = make_pipe();
  async_child quick = start({"cat"});
  stream sink = writer_of(slow);
  tee_result result;
  tee_result passed;
  async_tee(source.stdout_pipe(), std::tie(sink, quick.stdin_pipe()), result.handler());
  async_tee(quick.stdout_pipe(), std::tie(), passed.handler());
  EXPECT_TRUE(is_busy());
  EXPECT_EQ(result.calls, 0);
  EXPECT_FALSE(source.status()) << "it cannot get rid of what it writes";
  stream drain = reader_of(slow);
  tee_result drained;
  async_tee(drain, std::tie(), drained.handler());
  run_until([&] { return result.calls == 1; });
  EXPECT_EQ(result.bytes, 1000000u);
  sink.close();
  quick.stdin_pipe().close();
  run_to_end();
  EXPECT_EQ(drained.bytes, 1000000u);
  EXPECT_EQ(passed.bytes, 1000000u);
  end_of(source);
}

TEST_P(async_teeing, a_sink_that_fails_ends_it_and_the_others_have_the_piece)
{
  isolated_loop([&] {
    std::signal(SIGPIPE, SIG_DFL);
    async_child gone = start({"exit", "0"});
    end_of(gone);
    pipe_ends in = make_pipe();
    pipe_ends out = make_pipe();
    write_all(in.write_end.get(), "piece");
    {
      stream source = reader_of(in);
      stream good = writer_of(out);
      tee_result result;
      async_tee(source, std::tie(gone.stdin_pipe(), good), result.handler());
      run_to_end();
      EXPECT_EQ(result.calls, 1);
      EXPECT_EQ(result.ec, asio::error::broken_pipe);
      EXPECT_EQ(result.bytes, 0u);
    }
    EXPECT_EQ(read_all(out.read_end.get()), "piece");
  });
}

TEST_P(async_teeing, a_source_that_fails_ends_it)
{
  pipe_ends in = make_pipe();
  stream source = reader_of(in);
  source.close();
  tee_result result;
  async_tee(source, std::tie(), result.handler());
  run_to_end();
  EXPECT_EQ(result.ec, asio::error::bad_descriptor);
}

TEST_P(async_teeing, can_be_cancelled_while_it_reads_and_while_it_writes)
{
  for (const bool writing : {false, true})
    for (const auto type :
         {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
      async_child source = writing ? start({"write", "1", "1000000"}) : start_ready({"ready-then-hang"});
      pipe_ends full = make_pipe();
      stream sink = writer_of(full);
      asio::cancellation_signal cancel;
      tee_result result;
      async_tee(source.stdout_pipe(), std::tie(sink), asio::bind_cancellation_slot(cancel.slot(), result.handler()));
      if (writing)
        run_until([&] { return becomes_readable(full.read_end.get(), std::chrono::nanoseconds(0)); });
      EXPECT_TRUE(is_busy());
      EXPECT_EQ(result.calls, 0);
      cancel.emit(type);
      run_to_end();
      EXPECT_EQ(result.calls, 1);
      EXPECT_EQ(result.ec, asio::error::operation_aborted);
      EXPECT_TRUE(source.stdout_pipe().is_open());
      source.kill();
      end_of(source);
    }
}

TEST_P(async_teeing, of_a_child_does_not_wait_for_who_holds_its_stdout)
{
  for (const auto grace : {std::chrono::milliseconds(0), std::chrono::milliseconds(50)}) {
    async_child source = start(shell("printf text; sleep 1000 & echo $!"));
    async_child sink = start({"cat"});
    tee_result result;
    async_tee(source, std::tie(sink.stdin_pipe()), grace, result.handler());
    run_until([&] { return result.calls == 1; });
    EXPECT_FALSE(result.ec) << result.ec.message();
    sink.stdin_pipe().close();
    const std::string text = read_all(sink.stdout_pipe().native_handle());
    EXPECT_EQ(text.substr(0, 4), "text");
    EXPECT_EQ(result.bytes, text.size());
    EXPECT_TRUE(source.is_output_held());
    ::kill(static_cast<pid_t>(std::stol(text.substr(4))), SIGKILL);
    end_of(source);
    end_of(sink);
  }
}

TEST_P(async_teeing, of_a_child_loses_nothing_that_it_wrote)
{
  async_child source = start(shell("sleep 1000 & echo $!; exec head -c 60000 /dev/zero"));
  wait_until_exited(source.id());
  const std::string pid = read_line(source.stdout_pipe().native_handle());
  tee_result result; // No sink: it is counted.
  async_tee(source, std::tie(), std::chrono::nanoseconds(0), result.handler());
  run_until([&] { return result.calls == 1; });
  EXPECT_FALSE(result.ec) << result.ec.message();
  EXPECT_EQ(result.bytes, 60000u);
  ::kill(static_cast<pid_t>(std::stol(pid)), SIGKILL);
  end_of(source);
}

TEST_P(async_teeing, of_a_child_ends_with_its_stream)
{
  async_child source = start({"cat"});
  source.stdin_pipe().close();
  tee_result result;
  async_tee(source, std::tie(), std::chrono::hours(1), result.handler());
  run_to_end(); // The grace holds nothing.
  EXPECT_EQ(result.calls, 1);
  EXPECT_FALSE(result.ec);

  tee_result none;
  async_child empty;
  async_tee(empty, std::tie(), std::chrono::hours(1), asio::bind_executor(context(), none.handler()));
  run_to_end();
  EXPECT_EQ(none.ec, std::errc::invalid_argument);
}

TEST_P(async_teeing, of_a_child_can_be_cancelled_in_the_grace)
{
  async_child source = start(shell("sleep 1000 & echo $!"));
  const std::string pid = read_line(source.stdout_pipe().native_handle());
  end_of(source);
  asio::cancellation_signal cancel;
  tee_result result;
  async_tee(source, std::tie(), std::chrono::hours(1), asio::bind_cancellation_slot(cancel.slot(), result.handler()));
  EXPECT_TRUE(is_busy());
  cancel.emit(asio::cancellation_type::total);
  run_to_end();
  EXPECT_EQ(result.ec, asio::error::operation_aborted);
  ::kill(static_cast<pid_t>(std::stol(pid)), SIGKILL);
}

TEST_P(async_teeing, completes_on_the_handlers_executor)
{
  asio::io_context other;
  async_child source = start({"echo", "text"});
  tee_result result;
  async_tee(source.stdout_pipe(), std::tie(), asio::bind_executor(other, result.handler()));
  run_beside(other, [&] { return result.calls > 0; });
  EXPECT_EQ(result.bytes, 5u);
  end_of(source);
}

TEST_P(async_teeing, on_a_pool_of_threads)
{
  asio::thread_pool pool(4);
  use_source(pool);
  async_child source = spawn(pool, helper({"write", "1", "1000000"}).stdout_to(stdio::pipe()));
  async_child sink = spawn(pool, helper({"cat"}).stdin_from(stdio::pipe()).stdout_to(stdio::null()));
  async_child other = spawn(pool, helper({"cat"}).stdin_from(stdio::pipe()).stdout_to(stdio::null()));
  std::promise<std::uint64_t> done;
  async_tee(source.stdout_pipe(), std::tie(sink.stdin_pipe(), other.stdin_pipe()),
            [&](std::error_code, std::uint64_t bytes) { done.set_value(bytes); });
  auto bytes = done.get_future();
  ASSERT_EQ(bytes.wait_for(patience), std::future_status::ready);
  EXPECT_EQ(bytes.get(), 1000000u);
}

TEST_P(async_teeing, calls_nobody_when_the_context_is_gone)
{
  tee_result result;
  {
    async_child source = start({"write", "1", "1000000"});
    pipe_ends full = make_pipe();
    stream sink = writer_of(full);
    async_tee(source.stdout_pipe(), std::tie(sink), result.handler());
    run_until([&] { return becomes_readable(full.read_end.get(), std::chrono::nanoseconds(0)); });
    EXPECT_TRUE(is_busy());
  }
  end_context();
  EXPECT_EQ(result.calls, 0);
}

} // namespace
} // namespace subprocess::tests
