#include <asio_integration/async_run.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/strand.hpp>

#include <csignal>
#include <cstdlib>

#include "io_fixture.hpp"

namespace subprocess::tests {
namespace {

class async_running : public io_fixture {
protected:
  wait_result outcome(const command& what)
  {
    wait_result result;
    async_run(context(), what, result.handler());
    EXPECT_EQ(result.calls, 0) << "called from within";
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    return result;
  }

  /// The handler of a cancelled run: the child must be reaped when it is called.
  auto expecting_abort(int& calls)
  {
    return [&calls](std::error_code ec, exit_status status) {
      ++calls;
      EXPECT_EQ(ec, asio::error::operation_aborted);
      EXPECT_EQ(status, exit_status());
      EXPECT_FALSE(has_children());
    };
  }
};
SUBPROCESS_FOR_EACH_SETUP(async_running);

TEST_P(async_running, gives_the_status)
{
  for (const int code : {0, 1, 42}) {
    const wait_result result = outcome(helper({"exit", std::to_string(code)}));
    EXPECT_FALSE(result.ec) << result.ec.message();
    EXPECT_EQ(result.status.code(), code);
  }
  const wait_result killed = outcome(helper({"signal", std::to_string(SIGKILL)}));
  EXPECT_FALSE(killed.ec);
  EXPECT_EQ(killed.status.signal(), SIGKILL);
}

TEST_P(async_running, tells_why_the_spawn_failed)
{
  const wait_result missing = outcome(program("/nonexistent"));
  EXPECT_EQ(missing.ec, std::errc::no_such_file_or_directory);
  EXPECT_EQ(missing.status, exit_status());
  EXPECT_EQ(outcome(helper({"exit", "0"}).env("", "")).ec, std::errc::invalid_argument);
}

TEST_P(async_running, gives_a_piped_stdin_its_end_at_once)
{
  EXPECT_TRUE(outcome(helper({"cat"}).stdin_from(stdio::pipe()).stdout_to(stdio::null())).status.success());
}

TEST_P(async_running, loses_what_is_written_where_nobody_reads)
{
  EXPECT_TRUE(outcome(helper({"echo", "text"}).stdout_to(stdio::pipe())).status.success());
  for (const stdio& kind : {stdio::pipe(), stdio::socket(), stdio::pty()}) {
    EXPECT_TRUE(outcome(helper({"flood", "300000"}).stdout_to(kind).stderr_to(kind)).status.success());
    EXPECT_TRUE(outcome(helper({"write", "1", "300000"}).stdout_to(kind)).status.success());
    EXPECT_TRUE(outcome(helper({"write", "2", "300000"}).stderr_to(kind)).status.success());
  }
}

TEST_P(async_running, lasts_no_longer_than_the_child_though_others_hold_its_streams)
{
  for (const stdio& kind : {stdio::pipe(), stdio::socket()}) {
    pipe_ends alive = make_pipe();
    command what = program("sh", {"-c", "sleep 1000 3<&- & echo $! >&3"}).map_fd(alive.write_end.get(), 3);
    EXPECT_TRUE(outcome(what.stdout_to(kind)).status.success());
    ::kill(std::atoi(read_line(alive.read_end.get()).c_str()), SIGKILL);
  }
}

TEST_P(async_running, writes_where_it_is_told)
{
  scratch_directory scratch;
  EXPECT_TRUE(outcome(helper({"echo", "text"}).stdout_to(stdio::write_file(scratch / "out"))).status.success());
  EXPECT_EQ(content_of(scratch / "out"), "text\n");
}

TEST_P(async_running, many_at_once)
{
  std::vector<wait_result> results(25);
  for (std::size_t i = 0; i < results.size(); ++i)
    async_run(context(), helper({"exit", std::to_string(i)}), results[i].handler());
  run_to_end();
  for (std::size_t i = 0; i < results.size(); ++i)
    EXPECT_EQ(results[i].status.code(), static_cast<int>(i));
}

// The first of them has the launch to itself and goes another way than the rest.
TEST_P(async_running, failed_spawns_are_told_alone_and_in_a_crowd)
{
  std::vector<wait_result> results(12);
  std::vector<spawn_failure> failures(results.size());
  for (std::size_t i = 0; i < results.size(); ++i) {
    const command what = i % 2 ? helper({"exit", "7"}) : helper({"exit", "0"}).current_dir("/nonexistent");
    async_run(context().get_executor(), what, {.failure = &failures[i]}, results[i].handler());
  }
  run_to_end();
  for (std::size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i].calls, 1);
    EXPECT_EQ(results[i].status, i % 2 ? exit_status(7 << 8) : exit_status()) << i;
    EXPECT_EQ(results[i].ec, failures[i].code);
    EXPECT_EQ(failures[i].context().ends_with("chdir \"/nonexistent\""), i % 2 == 0) << i;
  }
}

TEST_P(async_running, cancelled_kills_what_is_deaf_when_its_grace_is_over)
{
  pipe_ends out = make_pipe();
  command what =
      helper({"ignore", std::to_string(SIGTERM)}).stop_with(stop_sequence::gentle(std::chrono::milliseconds(50)));
  what.stdout_to(stdio::from_fd(std::move(out.write_end)));
  asio::cancellation_signal cancel;
  int calls = 0;
  async_run(context(), what, asio::bind_cancellation_slot(cancel.slot(), expecting_abort(calls)));
  EXPECT_EQ(read_line(out.read_end.get()), "ready");
  EXPECT_TRUE(is_busy());
  cancel.emit(asio::cancellation_type::terminal);
  run_to_end();
  EXPECT_EQ(calls, 1);
}

TEST_P(async_running, cancelled_in_whatever_way_lets_it_end_by_itself)
{
  for (const auto type :
       {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
    pipe_ends out = make_pipe();
    pipe_ends err = make_pipe();
    command what = helper({"trap-and-tell", std::to_string(SIGTERM)});
    what.stdout_to(stdio::from_fd(std::move(out.write_end))).stderr_to(stdio::from_fd(std::move(err.write_end)));
    asio::cancellation_signal cancel;
    int calls = 0;
    async_run(context(), what, asio::bind_cancellation_slot(cancel.slot(), expecting_abort(calls)));
    EXPECT_EQ(read_line(out.read_end.get()), "ready");
    cancel.emit(type); // The loop has not run yet: it may not know that there is a child.
    EXPECT_EQ(calls, 0) << "called from within";
    run_to_end();
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(read_line(err.read_end.get()), "caught " + std::to_string(SIGTERM));
  }
}

TEST_P(async_running, cancelled_twice_does_not_wait)
{
  pipe_ends out = make_pipe();
  command what = helper({"ignore", std::to_string(SIGTERM)});
  what.stdout_to(stdio::from_fd(std::move(out.write_end)));
  asio::cancellation_signal cancel;
  int calls = 0;
  async_run(context(), what, asio::bind_cancellation_slot(cancel.slot(), expecting_abort(calls)));
  EXPECT_EQ(read_line(out.read_end.get()), "ready");
  EXPECT_TRUE(is_busy());
  const auto begin = std::chrono::steady_clock::now();
  cancel.emit(asio::cancellation_type::terminal);
  EXPECT_TRUE(is_busy() || calls == 1);
  cancel.emit(asio::cancellation_type::terminal);
  run_to_end();
  EXPECT_EQ(calls, 1);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(4)) << "the grace is longer";
}

TEST_P(async_running, cancelled_at_any_time_leaves_nothing)
{
  for (int handlers = 0; handlers < 15; ++handlers) {
    asio::cancellation_signal cancel;
    int calls = 0;
    async_run(context(), helper({"hang"}), asio::bind_cancellation_slot(cancel.slot(), expecting_abort(calls)));
    context().restart();
    for (int i = 0; i < handlers; ++i)
      context().run_one_for(std::chrono::milliseconds(20));
    cancel.emit(handlers % 2 ? asio::cancellation_type::terminal : asio::cancellation_type::total);
    run_to_end();
    EXPECT_EQ(calls, 1);
    EXPECT_FALSE(has_children());
  }
}

TEST_P(async_running, cancelled_too_late_changes_nothing)
{
  asio::cancellation_signal cancel;
  wait_result result;
  async_run(context(), helper({"exit", "3"}), asio::bind_cancellation_slot(cancel.slot(), result.handler()));
  run_to_end();
  cancel.emit(asio::cancellation_type::terminal);
  run_to_end();
  EXPECT_EQ(result.calls, 1);
  EXPECT_EQ(result.status.code(), 3);
}

TEST_P(async_running, on_a_strand_completes_there)
{
  const auto strand = asio::make_strand(context());
  bool done = false;
  async_run(strand, helper({"exit", "0"}), [&](std::error_code ec, exit_status status) {
    EXPECT_FALSE(ec);
    EXPECT_TRUE(status.success());
    EXPECT_TRUE(strand.running_in_this_thread());
    done = true;
  });
  run_to_end();
  EXPECT_TRUE(done);
}

} // namespace
} // namespace subprocess::tests
