#include <asio_integration/async_child.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/read.hpp>
#include <asio/read_until.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/write.hpp>

#include <atomic>
#include <csignal>
#include <thread>
#include <type_traits>
#include <vector>

#include <asio_integration/async_spawn.hpp>

#include "io_fixture.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

static_assert(!std::is_copy_constructible_v<async_child> && !std::is_copy_assignable_v<async_child>);
static_assert(std::is_nothrow_move_constructible_v<async_child> && std::is_nothrow_move_assignable_v<async_child>);
static_assert(std::is_same_v<async_child::executor_type, asio::any_io_executor>);

constexpr asio::cancellation_type all_cancellations[] = {
    asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total};

// ---- waiting ----

class async_wait : public io_fixture {};
SUBPROCESS_FOR_EACH_SETUP(async_wait);

TEST_P(async_wait, gives_the_exit_code)
{
  for (const int code : {0, 1, 42, 255}) {
    async_child helper = start({"exit", std::to_string(code)});
    wait_result result;
    helper.async_wait(result.handler());
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    EXPECT_FALSE(result.ec) << result.ec.message();
    EXPECT_EQ(result.status.code(), code);
  }
}

TEST_P(async_wait, gives_the_signal)
{
  for (const int number : {SIGTERM, SIGUSR1, SIGPIPE}) {
    async_child helper = start({"signal", std::to_string(number)});
    const exit_status status = end_of(helper);
    EXPECT_EQ(status.signal(), number);
    EXPECT_EQ(status.code(), std::nullopt);
  }
}

TEST_P(async_wait, serves_any_number_of_waiters_in_their_order)
{
  async_child helper = start({"hang"});
  std::vector<int> order;
  for (int i = 0; i < 20; ++i)
    helper.async_wait([&order, i](std::error_code ec, exit_status status) {
      EXPECT_FALSE(ec);
      EXPECT_EQ(status.signal(), SIGKILL);
      order.push_back(i);
    });
  EXPECT_TRUE(is_busy());
  EXPECT_TRUE(order.empty());
  helper.kill();
  run_to_end();
  std::vector<int> expected(20);
  for (int i = 0; i < 20; ++i)
    expected[static_cast<std::size_t>(i)] = i;
  EXPECT_EQ(order, expected);
}

TEST_P(async_wait, after_the_exit_gives_the_same_status)
{
  async_child helper = start({"exit", "7"});
  const pid_t pid = helper.id();
  EXPECT_GT(pid, 0);
  EXPECT_EQ(end_of(helper).code(), 7);
  EXPECT_FALSE(is_our_child(pid));
  for (int i = 0; i < 3; ++i) {
    wait_result again;
    helper.async_wait(again.handler());
    EXPECT_EQ(again.calls, 0) << "called from within";
    run_to_end();
    EXPECT_EQ(again.calls, 1);
    EXPECT_EQ(again.status.code(), 7);
  }
  EXPECT_EQ(helper.id(), pid);
}

TEST_P(async_wait, after_an_exit_that_nobody_has_noticed_yet)
{
  async_child helper = start({"exit", "7"});
  wait_until_exited(helper.id());
  EXPECT_EQ(end_of(helper).code(), 7);
}

TEST_P(async_wait, started_by_the_handler_of_another_wait)
{
  async_child helper = start({"exit", "7"});
  wait_result second;
  helper.async_wait([&](std::error_code, exit_status) {
    helper.async_wait(second.handler());
    EXPECT_EQ(second.calls, 0) << "called from within";
  });
  run_to_end();
  EXPECT_EQ(second.status.code(), 7);
}

TEST_P(async_wait, caches_status_and_usage_when_the_child_is_reaped)
{
  async_child helper = start({"burn-then-cat", "30"});
  EXPECT_EQ(helper.status(), std::nullopt);
  EXPECT_FALSE(helper.usage());
  helper.stdin_pipe().close();
  wait_until_exited(helper.id());
  EXPECT_EQ(helper.status(), std::nullopt) << "a zombie is not reaped yet";

  wait_result result;
  helper.async_wait([&, record = result.handler()](std::error_code ec, exit_status status) mutable {
    EXPECT_EQ(helper.status(), status);
    record(ec, status);
  });
  run_to_end();
  EXPECT_EQ(result.calls, 1);
  EXPECT_EQ(helper.status()->code(), 0);
  ASSERT_TRUE(helper.usage());
  const timeval user = helper.usage()->ru_utime;
  const timeval system = helper.usage()->ru_stime;
  const auto used = 1s * (user.tv_sec + system.tv_sec) + 1us * (user.tv_usec + system.tv_usec);
  EXPECT_GE(used, 20ms);
  EXPECT_LT(used, 20s);
  EXPECT_GT(helper.usage()->ru_maxrss, 0);
}

TEST_P(async_wait, is_not_ended_by_a_stop)
{
  async_child helper = start_ready({"ready-then-hang"});
  wait_result result;
  helper.async_wait(result.handler());
  helper.send_signal(SIGSTOP);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(helper.id()), &info, WSTOPPED | WNOWAIT), 0);
  EXPECT_TRUE(is_busy());
  EXPECT_EQ(result.calls, 0);
  EXPECT_EQ(helper.status(), std::nullopt);

  helper.send_signal(SIGCONT);
  EXPECT_TRUE(is_busy());
  EXPECT_EQ(result.calls, 0);
  helper.kill();
  run_to_end();
  EXPECT_EQ(result.status.signal(), SIGKILL);
}

TEST_P(async_wait, can_be_cancelled_and_tried_again)
{
  for (const auto type : all_cancellations) {
    async_child helper = start({"hang"});

    asio::cancellation_signal cancel;
    wait_result first;
    helper.async_wait(asio::bind_cancellation_slot(cancel.slot(), first.handler()));
    EXPECT_TRUE(is_busy());
    cancel.emit(type);
    EXPECT_EQ(first.calls, 0) << "called from within";
    run_to_end();
    EXPECT_EQ(first.calls, 1);
    EXPECT_EQ(first.ec, asio::error::operation_aborted);
    EXPECT_EQ(first.status, exit_status());
    EXPECT_EQ(helper.status(), std::nullopt);

    wait_result second;
    helper.async_wait(second.handler());
    EXPECT_TRUE(is_busy());
    EXPECT_EQ(second.calls, 0) << "not touched by the first one's end";
    helper.send_signal(SIGKILL); // Not gone after all: this must end it.
    run_to_end();
    EXPECT_EQ(second.status.signal(), SIGKILL);
  }
}

TEST_P(async_wait, is_cancelled_one_by_one)
{
  async_child helper = start({"hang"});
  asio::cancellation_signal cancels[5];
  wait_result results[5];
  for (int i = 0; i < 5; ++i)
    helper.async_wait(asio::bind_cancellation_slot(cancels[i].slot(), results[i].handler()));
  EXPECT_TRUE(is_busy());
  for (const int i : {2, 0, 4}) {
    cancels[i].emit(asio::cancellation_type::total);
    EXPECT_TRUE(is_busy());
    EXPECT_EQ(results[i].ec, asio::error::operation_aborted);
  }
  EXPECT_EQ(results[1].calls + results[3].calls, 0);
  helper.kill();
  run_to_end();
  for (const int i : {1, 3})
    EXPECT_EQ(results[i].status.signal(), SIGKILL);
  for (const wait_result& result : results)
    EXPECT_EQ(result.calls, 1);
}

TEST_P(async_wait, ignores_a_cancellation_that_comes_too_late)
{
  async_child helper = start({"exit", "7"});
  asio::cancellation_signal cancel;
  wait_result result;
  helper.async_wait(asio::bind_cancellation_slot(cancel.slot(), result.handler()));
  run_to_end();
  cancel.emit(asio::cancellation_type::terminal);
  run_to_end();
  EXPECT_EQ(result.calls, 1);
  EXPECT_EQ(result.status.code(), 7);
}

TEST_P(async_wait, cancelled_while_its_completion_is_on_the_way_still_completes_once)
{
  async_child helper = start({"exit", "7"});
  EXPECT_EQ(end_of(helper).code(), 7);
  asio::cancellation_signal cancel;
  wait_result result;
  helper.async_wait(asio::bind_cancellation_slot(cancel.slot(), result.handler()));
  cancel.emit(asio::cancellation_type::terminal);
  run_to_end();
  EXPECT_EQ(result.calls, 1);
  EXPECT_FALSE(result.ec);
  EXPECT_EQ(result.status.code(), 7);
}

TEST_P(async_wait, leaves_the_slot_free_for_the_next_operation)
{
  async_child helper = start({"hang"});
  asio::cancellation_signal cancel;
  wait_result first, second, bystander;
  helper.async_wait(asio::bind_cancellation_slot(cancel.slot(), first.handler()));
  cancel.emit(asio::cancellation_type::total);
  run_to_end();
  EXPECT_FALSE(cancel.slot().has_handler());

  helper.async_wait(bystander.handler());
  helper.async_wait(asio::bind_cancellation_slot(cancel.slot(), second.handler()));
  EXPECT_TRUE(is_busy());
  cancel.emit(asio::cancellation_type::total);
  EXPECT_TRUE(is_busy());
  EXPECT_EQ(second.ec, asio::error::operation_aborted);
  EXPECT_EQ(bystander.calls, 0);
  helper.kill();
  run_to_end();
}

TEST_P(async_wait, goes_on_when_the_object_is_moved)
{
  async_child first = start({"hang"});
  const pid_t pid = first.id();
  wait_result before;
  first.async_wait(before.handler());
  async_child second = std::move(first);
  async_child third;
  third = std::move(second);
  EXPECT_EQ(third.id(), pid);
  wait_result after;
  third.async_wait(after.handler());
  EXPECT_TRUE(is_busy());
  third.kill();
  run_to_end();
  EXPECT_EQ(before.status.signal(), SIGKILL);
  EXPECT_EQ(after.status.signal(), SIGKILL);
}

TEST_P(async_wait, ends_with_the_status_when_the_object_is_destroyed)
{
  wait_result result;
  {
    async_child helper = start({"hang"});
    helper.async_wait(result.handler());
  }
  run_to_end();
  EXPECT_EQ(result.status.signal(), SIGKILL);
}

TEST_P(async_wait, touches_no_pipe)
{
  async_child helper = start({"cat"});
  wait_result result;
  helper.async_wait(result.handler());
  EXPECT_TRUE(helper.stdin_pipe().is_open());
  EXPECT_TRUE(is_busy());
  EXPECT_EQ(result.calls, 0);
  helper.stdin_pipe().close();
  run_to_end();
  EXPECT_TRUE(result.status.success());
}

TEST_P(async_wait, tells_that_other_code_has_reaped_the_child)
{
  async_child helper = start_ready({"ready-then-hang"});
  wait_result first;
  helper.async_wait(first.handler());
  // The loop must not be first: it does not run until the theft is done.
  helper.kill();
  ASSERT_EQ(::waitpid(helper.id(), nullptr, 0), helper.id());
  run_to_end();
  EXPECT_EQ(first.calls, 1);
  EXPECT_EQ(first.ec, std::errc::no_child_process);
  EXPECT_EQ(first.ec.category(), std::system_category());
  EXPECT_EQ(first.status, exit_status());
  EXPECT_EQ(helper.status(), std::nullopt);
  EXPECT_FALSE(helper.usage());

  wait_result later;
  helper.async_wait(later.handler());
  run_to_end();
  EXPECT_EQ(later.ec, std::errc::no_child_process);

  std::error_code ec;
  helper.kill(ec);
  EXPECT_EQ(ec, std::errc::invalid_argument);
}

TEST_P(async_wait, tells_that_the_child_was_reaped_before_it_began)
{
  async_child helper = start_ready({"ready-then-hang"});
  helper.kill();
  ASSERT_EQ(::waitpid(helper.id(), nullptr, 0), helper.id());
  std::error_code ec;
  helper.send_signal(SIGTERM, ec);
  EXPECT_EQ(ec, std::errc::invalid_argument);
  wait_result result;
  helper.async_wait(result.handler());
  run_to_end();
  EXPECT_EQ(result.ec, std::errc::no_child_process);
}

TEST_P(async_wait, alone_keeps_the_context_busy)
{
  async_child helper = start({"hang"});
  EXPECT_FALSE(is_busy()) << "a running child is no reason to stay";
  asio::cancellation_signal cancel;
  wait_result result;
  helper.async_wait(asio::bind_cancellation_slot(cancel.slot(), result.handler()));
  EXPECT_TRUE(is_busy());
  cancel.emit(asio::cancellation_type::total);
  EXPECT_FALSE(is_busy());
  EXPECT_EQ(result.ec, asio::error::operation_aborted);
  helper.kill();
  EXPECT_EQ(end_of(helper).signal(), SIGKILL);
}

TEST_P(async_wait, works_again_after_the_context_has_been_idle)
{
  async_child helper = start({"hang"});
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(is_busy());
    async_child other = start({"exit", "1"});
    EXPECT_EQ(end_of(other).code(), 1);
  }
  helper.kill();
  EXPECT_EQ(end_of(helper).signal(), SIGKILL);
}

TEST_P(async_wait, is_not_held_up_by_a_stop_of_the_context)
{
  async_child helper = start({"hang"});
  wait_result result;
  helper.async_wait(result.handler());
  EXPECT_TRUE(is_busy());
  context().stop();
  helper.kill();
  run_to_end(); // Restarts it.
  EXPECT_EQ(result.status.signal(), SIGKILL);
}

// ---- signalling ----

class signalling : public io_fixture {};
SUBPROCESS_FOR_EACH_SETUP(signalling);

TEST_P(signalling, reaches_the_child)
{
  async_child helper = start_ready({"trap", std::to_string(SIGUSR1)});
  helper.send_signal(SIGUSR1);
  EXPECT_EQ(end_of(helper).code(), 100 + SIGUSR1);
}

TEST_P(signalling, is_refused_after_the_exit)
{
  async_child helper = start({"exit", "0"});
  end_of(helper);
  std::error_code ec;
  helper.kill(ec);
  EXPECT_EQ(ec, std::errc::invalid_argument);
  helper.send_signal(SIGTERM, ec = {});
  EXPECT_EQ(ec, std::errc::invalid_argument);
  helper.send_signal(0, ec = {});
  EXPECT_EQ(ec, std::errc::invalid_argument);
  EXPECT_EQ(ec.category(), std::system_category());
  EXPECT_THROW(helper.kill(), std::system_error);
  EXPECT_THROW(helper.send_signal(SIGTERM), std::system_error);
}

TEST_P(signalling, of_a_zombie_is_no_error)
{
  async_child cat = start({"cat"}); // One that ends by itself may be reaped by the spawn.
  cat.stdin_pipe().close();
  wait_until_exited(cat.id());
  std::error_code ec;
  cat.kill(ec);
  EXPECT_FALSE(ec) << ec.message();
  EXPECT_EQ(end_of(cat).code(), 0);
}

TEST_P(signalling, refuses_what_is_no_signal)
{
  async_child helper = start({"hang"});
  std::error_code ec;
  helper.send_signal(12345, ec);
  EXPECT_EQ(ec, std::errc::invalid_argument);
  helper.send_signal(0, ec);
  EXPECT_FALSE(ec) << ec.message();
  helper.kill();
  end_of(helper);
}

// Whatever the interleaving: a kill succeeds, or finds the child reaped.
TEST_P(signalling, from_other_threads_is_safe_while_waits_complete)
{
  for (int round = 0; round < 20; ++round) {
    async_child helper = start({"exit", "0"});
    std::atomic<bool> done = false;
    std::vector<std::thread> killers;
    std::atomic<int> refused = 0;
    for (int i = 0; i < 3; ++i)
      killers.emplace_back([&] {
        do {
          std::error_code ec;
          helper.kill(ec);
          if (ec) {
            EXPECT_EQ(ec, std::errc::invalid_argument);
            EXPECT_TRUE(helper.status());
            ++refused;
            return;
          }
        } while (!done);
      });
    const exit_status status = end_of(helper);
    EXPECT_TRUE(status.success() || status.signal() == SIGKILL) << status;
    std::error_code ec;
    helper.kill(ec);
    EXPECT_EQ(ec, std::errc::invalid_argument);
    done = true;
    for (std::thread& killer : killers)
      killer.join();
    EXPECT_LE(refused, 3);
  }
}

TEST_P(signalling, and_waiting_from_other_threads_is_safe)
{
  async_child helper = start({"hang"});
  std::atomic<int> completed = 0;
  std::vector<std::thread> others;
  for (int i = 0; i < 4; ++i)
    others.emplace_back([&] {
      for (int j = 0; j < 50; ++j)
        helper.async_wait([&](std::error_code ec, exit_status status) {
          EXPECT_FALSE(ec);
          EXPECT_EQ(status.signal(), SIGKILL);
          ++completed;
        });
      std::error_code ec;
      helper.kill(ec);
      EXPECT_TRUE(!ec || ec == std::errc::invalid_argument) << ec.message();
    });
  run_until([&] { return completed == 200; });
  for (std::thread& other : others)
    other.join();
  run_to_end();
  EXPECT_EQ(completed, 200);
}

// ---- nothing there ----

void expect_empty(async_child& empty)
{
  EXPECT_EQ(empty.id(), -1);
  EXPECT_FALSE(empty.stdin_pipe().is_open());
  EXPECT_FALSE(empty.stdout_pipe().is_open());
  EXPECT_FALSE(empty.stderr_pipe().is_open());
  EXPECT_EQ(empty.status(), std::nullopt);
  EXPECT_FALSE(empty.usage());
  std::error_code ec;
  empty.kill(ec);
  EXPECT_EQ(ec, std::errc::invalid_argument);
  empty.send_signal(0, ec = {});
  EXPECT_EQ(ec, std::errc::invalid_argument);
  EXPECT_THROW(empty.kill(), std::system_error);
  EXPECT_THROW(empty.send_signal(SIGTERM), std::system_error);
  empty.detach();
}

class nothing : public io_fixture {
protected:
  /// What an operation on the empty child gives whose handler has an executor.
  template <class Initiate>
  wait_result outcome(Initiate initiate)
  {
    wait_result result;
    initiate(asio::bind_executor(context(), result.handler()));
    EXPECT_EQ(result.calls, 0) << "called from within";
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    return result;
  }

  void expect_operations_fail(async_child& empty)
  {
    EXPECT_EQ(outcome([&](auto h) { empty.async_wait(h); }).ec, std::errc::invalid_argument);
    EXPECT_EQ(outcome([&](auto h) { empty.async_stop(1h, h); }).ec, std::errc::invalid_argument);
  }
};
SUBPROCESS_FOR_EACH_SETUP(nothing);

TEST_P(nothing, is_in_a_default_constructed_one)
{
  async_child none;
  expect_empty(none);
  expect_operations_fail(none);
  async_child moved = std::move(none);
  expect_empty(moved);
  expect_empty(none);
}

TEST_P(nothing, is_in_one_moved_from)
{
  async_child first = start({"hang"});
  async_child second = std::move(first);
  expect_empty(first);
  expect_operations_fail(first);
  async_child third;
  third = std::move(second);
  expect_empty(second);
  expect_operations_fail(second);
  third.kill();
  EXPECT_EQ(end_of(third).signal(), SIGKILL);
}

TEST_P(nothing, keeps_its_executor_when_moved_from)
{
  async_child first = start({"hang"});
  async_child second = std::move(first);
  EXPECT_EQ(first.get_executor(), second.get_executor());
  wait_result result;
  first.async_wait(result.handler());
  run_to_end();
  EXPECT_EQ(result.calls, 1);
  EXPECT_EQ(result.ec, std::errc::invalid_argument);
}

TEST_P(nothing, is_in_one_whose_spawn_failed)
{
  std::error_code ec;
  async_child failed = spawn(context(), program("/nonexistent"), ec);
  EXPECT_EQ(ec, std::errc::no_such_file_or_directory);
  expect_empty(failed);
  expect_operations_fail(failed);
}

// A handler without an executor of its own is called by the loop that should have had the
// child, and by no thread of the system's.
TEST_P(nothing, of_a_failed_spawn_completes_on_its_loop)
{
  std::error_code ec;
  async_child first = spawn(context(), program("/nonexistent"), ec);
  async_child second;
  async_spawn(context(), program("/nonexistent"),
              [&](std::error_code, async_child child) { second = std::move(child); });
  run_to_end();
  for (async_child* const failed : {&first, &second}) {
    wait_result waited;
    failed->async_wait(waited.handler());
    std::error_code written;
    failed->stdin_pipe().async_write_some(asio::buffer("x", 1), [&](std::error_code e, std::size_t) { written = e; });
    std::error_code read;
    char byte;
    failed->stdout_pipe().async_read_some(asio::buffer(&byte, 1), [&](std::error_code e, std::size_t) { read = e; });
    EXPECT_EQ(waited.calls, 0);
    run_to_end();
    EXPECT_EQ(waited.ec, std::errc::invalid_argument);
    EXPECT_EQ(written, asio::error::bad_descriptor);
    EXPECT_EQ(read, asio::error::bad_descriptor);
    EXPECT_EQ(failed->get_executor(), asio::any_io_executor(context().get_executor()));
  }
}

TEST_P(nothing, holds_after_a_self_move)
{
  async_child helper = start({"exit", "4"});
  async_child& same = helper;
  helper = std::move(same);
  EXPECT_EQ(end_of(helper).code(), 4);
}

TEST_P(nothing, can_be_filled)
{
  async_child reused;
  for (const int code : {1, 2, 3}) {
    reused = start({"exit", std::to_string(code)});
    EXPECT_EQ(end_of(reused).code(), code);
  }
  EXPECT_EQ(reused.launcher_used(), GetParam().which);
}

// ---- pipes ----

class child_pipe : public io_fixture {};
SUBPROCESS_FOR_EACH_SETUP(child_pipe);

TEST_P(child_pipe, is_closed_unless_asked_for)
{
  async_child helper = start(this->helper({"hang"}));
  EXPECT_FALSE(helper.stdin_pipe().is_open());
  EXPECT_FALSE(helper.stdout_pipe().is_open());
  EXPECT_FALSE(helper.stderr_pipe().is_open());
  async_child one = start(this->helper({"hang"}).stderr_to(stdio::pipe()));
  EXPECT_FALSE(one.stdin_pipe().is_open());
  EXPECT_FALSE(one.stdout_pipe().is_open());
  EXPECT_TRUE(one.stderr_pipe().is_open());
}

TEST_P(child_pipe, is_a_stream_both_ways)
{
  async_child cat = start({"cat"});
  std::string got;
  for (const std::string line : {"first\n", "second\n", "third\n"}) {
    bool echoed = false;
    asio::async_write(cat.stdin_pipe(), asio::buffer(line), [&](std::error_code ec, std::size_t) {
      EXPECT_FALSE(ec) << ec.message();
      asio::async_read_until(cat.stdout_pipe(), asio::dynamic_buffer(got), '\n',
                             [&](std::error_code read_ec, std::size_t size) {
                               EXPECT_FALSE(read_ec) << read_ec.message();
                               EXPECT_EQ(got.substr(0, size), line);
                               got.erase(0, size);
                               echoed = true;
                             });
    });
    run_to_end();
    EXPECT_TRUE(echoed);
  }

  cat.stdin_pipe().close();
  std::error_code end;
  asio::async_read(cat.stdout_pipe(), asio::dynamic_buffer(got), [&](std::error_code ec, std::size_t) { end = ec; });
  run_to_end();
  EXPECT_EQ(end, asio::error::eof);
  EXPECT_EQ(got, "");
  EXPECT_TRUE(end_of(cat).success());
}

TEST_P(child_pipe, carries_more_than_a_pipe_holds)
{
  const std::string sent(4 << 20, 'x');
  std::string got;
  async_child cat = start({"cat"});
  asio::async_write(cat.stdin_pipe(), asio::buffer(sent), [&](std::error_code ec, std::size_t) {
    EXPECT_FALSE(ec) << ec.message();
    cat.stdin_pipe().close();
  });
  asio::async_read(cat.stdout_pipe(), asio::dynamic_buffer(got),
                   [&](std::error_code ec, std::size_t) { EXPECT_EQ(ec, asio::error::eof); });
  run_to_end();
  EXPECT_TRUE(got == sent) << got.size();
  EXPECT_TRUE(end_of(cat).success());
}

TEST_P(child_pipe, of_a_dead_reader_is_broken_and_raises_no_signal)
{
  isolated_loop([&] {
    ASSERT_NE(::signal(SIGPIPE, SIG_DFL), SIG_ERR); // It would end the copy.
    async_child helper = start({"exit", "0"});
    end_of(helper);
    std::error_code write_ec;
    asio::async_write(helper.stdin_pipe(), asio::buffer("x", 1),
                      [&](std::error_code ec, std::size_t) { write_ec = ec; });
    run_to_end();
    EXPECT_EQ(write_ec, asio::error::broken_pipe);
  });
}

TEST_P(child_pipe, reads_are_cancelled_by_a_close)
{
  async_child helper = start({"hang"});
  char buffer[1];
  std::error_code read_ec;
  helper.stdout_pipe().async_read_some(asio::buffer(buffer), [&](std::error_code ec, std::size_t) { read_ec = ec; });
  EXPECT_TRUE(is_busy());
  helper.stdout_pipe().close();
  run_to_end();
  EXPECT_EQ(read_ec, asio::error::operation_aborted);
}

TEST_P(child_pipe, can_be_moved_out_and_outlive_the_object)
{
  async_child cat = start({"cat"});
  async_child::pipe_type in = std::move(cat.stdin_pipe());
  async_child::pipe_type out = std::move(cat.stdout_pipe());
  EXPECT_FALSE(cat.stdin_pipe().is_open());
  asio::write(in, asio::buffer("text", 4));
  in.close();
  EXPECT_TRUE(end_of(cat).success());
  cat = {};
  std::string got;
  std::error_code ec;
  asio::read(out, asio::dynamic_buffer(got), ec);
  EXPECT_EQ(got, "text");
  EXPECT_EQ(ec, asio::error::eof);
}

TEST_P(child_pipe, does_not_reach_other_children)
{
  async_child cat = start({"cat"});
  async_child bystander = start_ready({"ready-then-hang"});
  cat.stdin_pipe().close(); // Only an end-of-file if the bystander has no copy.
  EXPECT_TRUE(end_of(cat).success());
  bystander.kill();
  end_of(bystander);
}

// ---- other executors ----

class converting : public io_fixture {};
SUBPROCESS_FOR_EACH_SETUP(converting);

TEST_P(converting, takes_child_and_pipes_along)
{
  using strand = asio::strand<asio::any_io_executor>;
  async_child original = start({"cat"});
  const pid_t pid = original.id();
  basic_async_child<strand> cat = std::move(original);
  static_assert(std::is_same_v<decltype(cat)::executor_type, strand>);
  expect_empty(original);
  EXPECT_EQ(cat.id(), pid);
  EXPECT_EQ(cat.launcher_used(), GetParam().which);
  EXPECT_FALSE(cat.stderr_pipe().is_open());

  bool waited = false;
  cat.async_wait([&](std::error_code ec, exit_status status) {
    EXPECT_TRUE(cat.get_executor().running_in_this_thread());
    EXPECT_FALSE(ec);
    EXPECT_TRUE(status.success());
    waited = true;
  });
  std::string got;
  asio::async_read(cat.stdout_pipe(), asio::dynamic_buffer(got), [&](std::error_code ec, std::size_t) {
    EXPECT_TRUE(cat.get_executor().running_in_this_thread());
    EXPECT_EQ(ec, asio::error::eof);
  });
  asio::write(cat.stdin_pipe(), asio::buffer("text", 4));
  cat.stdin_pipe().close();
  run_to_end();
  EXPECT_TRUE(waited);
  EXPECT_EQ(got, "text");
}

TEST_P(converting, keeps_the_rule_for_destruction)
{
  using strand = asio::strand<asio::any_io_executor>;
  pid_t killed = -1;
  pid_t spared = -1;
  {
    basic_async_child<strand> one = start({"hang"});
    killed = one.id();
    basic_async_child<strand> two = start(helper({"hang"}).kill_on_destroy(false));
    spared = two.id();
  }
  run_until([&] { return !is_our_child(killed); });
  EXPECT_TRUE(is_our_child(spared));
  ::kill(spared, SIGKILL);
  run_until([&] { return !is_our_child(spared); });
}

TEST_P(converting, of_an_empty_one_gives_an_empty_one)
{
  basic_async_child<asio::strand<asio::any_io_executor>> none = async_child();
  EXPECT_EQ(none.id(), -1);
  EXPECT_FALSE(none.stdout_pipe().is_open());
}

// ---- stopping ----

class async_stop : public io_fixture {};
SUBPROCESS_FOR_EACH_SETUP(async_stop);

TEST_P(async_stop, needs_no_more_than_sigterm_where_that_is_enough)
{
  async_child helper = start_ready({"trap", std::to_string(SIGTERM)});
  wait_result result;
  helper.async_stop(1h, result.handler());
  EXPECT_EQ(result.calls, 0) << "called from within";
  run_to_end(); // The timer of an hour must not hold it.
  EXPECT_EQ(result.calls, 1);
  EXPECT_FALSE(result.ec);
  EXPECT_EQ(result.status.code(), 100 + SIGTERM);
}

TEST_P(async_stop, kills_what_is_deaf)
{
  async_child helper = start_ready({"ignore", std::to_string(SIGTERM)});
  const auto begin = std::chrono::steady_clock::now();
  wait_result result;
  helper.async_stop(50ms, result.handler());
  run_to_end();
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 50ms);
  EXPECT_FALSE(result.ec);
  EXPECT_EQ(result.status.signal(), SIGKILL);
}

TEST_P(async_stop, without_grace_kills_at_once)
{
  for (const auto grace : {0ns, -5ns}) {
    async_child helper = start_ready({"ignore", std::to_string(SIGTERM)});
    wait_result result;
    helper.async_stop(grace, result.handler());
    run_to_end();
    EXPECT_EQ(result.status.signal(), SIGKILL);
  }
}

TEST_P(async_stop, takes_any_grace)
{
  async_child helper = start_ready({"trap", std::to_string(SIGTERM)});
  wait_result result;
  helper.async_stop(std::chrono::nanoseconds::max(), result.handler());
  run_to_end();
  EXPECT_EQ(result.status.code(), 100 + SIGTERM);
}

TEST_P(async_stop, of_an_ended_child_gives_its_status)
{
  async_child helper = start({"exit", "5"});
  EXPECT_EQ(end_of(helper).code(), 5);
  wait_result result;
  helper.async_stop(1h, result.handler());
  EXPECT_EQ(result.calls, 0) << "called from within";
  run_to_end();
  EXPECT_FALSE(result.ec);
  EXPECT_EQ(result.status.code(), 5);
}

TEST_P(async_stop, of_a_zombie_gives_its_status)
{
  async_child helper = start({"exit", "5"});
  wait_until_exited(helper.id());
  wait_result result;
  helper.async_stop(1h, result.handler());
  run_to_end();
  EXPECT_FALSE(result.ec);
  EXPECT_EQ(result.status.code(), 5);
}

TEST_P(async_stop, of_a_stolen_child_gives_no_child_process)
{
  async_child helper = start_ready({"ready-then-hang"});
  helper.kill();
  ASSERT_EQ(::waitpid(helper.id(), nullptr, 0), helper.id());
  wait_result result;
  helper.async_stop(1h, result.handler());
  run_to_end();
  EXPECT_EQ(result.ec, std::errc::no_child_process);
}

TEST_P(async_stop, of_a_stopped_child_lets_it_use_its_grace)
{
  async_child stopped = start({"hang"});
  stopped.send_signal(SIGSTOP);
  wait_result result;
  stopped.async_stop(1h, result.handler());
  run_to_end();
  EXPECT_EQ(result.status.signal(), SIGTERM);
}

TEST_P(async_stop, stops_waiting_and_escalating_when_it_is_cancelled)
{
  for (const auto type : all_cancellations) {
    async_child helper = start_ready({"ignore", std::to_string(SIGTERM)});
    asio::cancellation_signal cancel;
    wait_result stop;
    helper.async_stop(1h, asio::bind_cancellation_slot(cancel.slot(), stop.handler()));
    EXPECT_TRUE(is_busy());
    cancel.emit(type);
    EXPECT_EQ(stop.calls, 0) << "called from within";
    run_to_end(); // No timer and no wait is left.
    EXPECT_EQ(stop.calls, 1);
    EXPECT_EQ(stop.ec, asio::error::operation_aborted);
    EXPECT_EQ(helper.status(), std::nullopt);
    std::error_code ec;
    helper.send_signal(0, ec);
    EXPECT_FALSE(ec) << "it runs on";
    helper.kill();
    EXPECT_EQ(end_of(helper).signal(), SIGKILL);
  }
}

TEST_P(async_stop, unsends_nothing_when_it_is_cancelled)
{
  async_child helper = start_ready({"trap", std::to_string(SIGTERM)});
  asio::cancellation_signal cancel;
  wait_result stop;
  helper.async_stop(1h, asio::bind_cancellation_slot(cancel.slot(), stop.handler()));
  EXPECT_TRUE(is_busy() || stop.calls == 1); // By now the signal is sent.
  cancel.emit(asio::cancellation_type::total);
  EXPECT_EQ(end_of(helper).code(), 100 + SIGTERM);
}

TEST_P(async_stop, may_be_asked_for_several_times_and_beside_waits)
{
  async_child helper = start_ready({"ignore", std::to_string(SIGTERM)});
  wait_result patient, impatient, waiting;
  helper.async_wait(waiting.handler());
  helper.async_stop(1h, patient.handler());
  helper.async_stop(20ms, impatient.handler());
  run_to_end();
  for (const wait_result* one : {&patient, &impatient, &waiting}) {
    EXPECT_EQ(one->calls, 1);
    EXPECT_EQ(one->status.signal(), SIGKILL);
  }
}

TEST_P(async_stop, goes_on_when_the_object_is_moved)
{
  async_child helper = start_ready({"trap", std::to_string(SIGTERM)});
  wait_result result;
  helper.async_stop(1h, result.handler());
  async_child moved = std::move(helper);
  run_to_end();
  EXPECT_EQ(result.status.code(), 100 + SIGTERM);
  EXPECT_EQ(moved.status()->code(), 100 + SIGTERM);
}

} // namespace
} // namespace subprocess::tests
