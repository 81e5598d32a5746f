#include <asio_integration/worker_pool.hpp> // First: proves it stands alone.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <subprocess/spawn.hpp>

#include "pool_fixture.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

SUBPROCESS_FOR_EACH_SETUP(pooled);

// ---- leases ----

TEST_P(pooled, answers_requests)
{
  start_pool(line_worker(), patient());
  worker_lease lease = acquire();
  EXPECT_EQ(request(lease, "one").text, "re: one");
  EXPECT_EQ(request(lease, "").text, "re: ");
  EXPECT_EQ(pool->counts(), (pool_counts{.leased = 1}));
  EXPECT_FALSE(lease.lost());
  lease.done();
  EXPECT_FALSE(lease);
  EXPECT_EQ(pool->counts(), (pool_counts{.ready = 1}));
}

TEST_P(pooled, an_answer_is_told_where_its_handler_runs)
{
  start_pool(line_worker(), patient());
  worker_lease lease = acquire();
  auto strand = asio::make_strand(context());
  asio::thread_pool others(1);
  int in_strand = 0;
  std::atomic<int> elsewhere = 0;
  for (int i = 1; i <= 3; ++i) {
    lease.async_request("x", asio::bind_executor(strand, [&](std::error_code ec, const std::string&) {
                          in_strand += !ec && strand.running_in_this_thread();
                        }));
    EXPECT_EQ(in_strand, i - 1) << "called from within";
    run_until([&] { return in_strand == i; });
    lease.async_request("y", asio::bind_executor(others, [&](std::error_code ec, const std::string&) {
                          elsewhere += !ec && others.get_executor().running_in_this_thread();
                        }));
    run_until([&] { return elsewhere == i; });
  }
  lease.done();
}

TEST_P(pooled, a_handler_that_throws_costs_nothing_else)
{
  start_pool(line_worker(), patient());
  worker_lease lease = acquire();
  lease.async_request("one", [](std::error_code, const std::string&) { throw std::domain_error("mine"); });
  EXPECT_THROW(run_until([] { return false; }), std::domain_error);
  EXPECT_EQ(request(lease, "two").text, "re: two");
  lease.done();
  EXPECT_EQ(pool->counts(), (pool_counts{.ready = 1}));
}

TEST_P(pooled, gives_the_same_worker_to_the_next)
{
  start_pool(line_worker(), patient());
  const std::string pid = ask("pid").text;
  EXPECT_EQ(ask("pid").text, pid);
  EXPECT_EQ(count(pool_event_kind::starting), 1u);
}

TEST_P(pooled, what_is_asked_before_it_runs_waits)
{
  make(line_worker(), patient());
  leased got;
  pool->async_acquire(got.handler());
  finished ready;
  pool->async_wait_ready(1, ready.handler());
  EXPECT_EQ(pool->counts().waiting, 1u);
  start_run();
  run_until([&] { return got.calls == 1 && ready.calls == 1; });
  EXPECT_FALSE(got.ec);
  EXPECT_FALSE(ready.ec);
  EXPECT_EQ(request(got.lease, "x").text, "re: x");
}

TEST_P(pooled, leases_come_in_order_of_asking)
{
  start_pool(line_worker(), patient());
  std::vector<int> order;
  std::vector<worker_lease> leases;
  for (int i = 0; i < 5; ++i)
    pool->async_acquire([&, i](std::error_code ec, worker_lease lease) {
      EXPECT_FALSE(ec);
      order.push_back(i);
      lease.done();
    });
  run_until([&] { return order.size() == 5; });
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST_P(pooled, a_cancelled_acquire_leaves_the_queue)
{
  start_pool(line_worker(), patient());
  worker_lease held = acquire();
  asio::cancellation_signal cancel;
  leased second;
  leased third;
  pool->async_acquire(asio::bind_cancellation_slot(cancel.slot(), second.handler()));
  pool->async_acquire(third.handler());
  cancel.emit(asio::cancellation_type::partial);
  run_until([&] { return second.calls == 1; });
  EXPECT_EQ(second.ec, asio::error::operation_aborted);
  EXPECT_EQ(third.calls, 0);
  held.done();
  run_until([&] { return third.calls == 1; });
  EXPECT_FALSE(third.ec);
}

TEST_P(pooled, more_than_most_waiting_are_refused_at_once)
{
  worker_pool_options options = patient();
  options.most_waiting = 1;
  start_pool(line_worker(), options);
  worker_lease held = acquire();
  leased waits;
  leased refused;
  pool->async_acquire(waits.handler());
  pool->async_acquire(refused.handler());
  run_until([&] { return refused.calls == 1; });
  EXPECT_EQ(refused.ec, code_of(EAGAIN));
  EXPECT_EQ(waits.calls, 0);
  held.done();
  run_until([&] { return waits.calls == 1; });
}

TEST_P(pooled, a_lease_dropped_without_done_costs_the_worker)
{
  start_pool(line_worker(), patient());
  const std::string pid = ask("pid").text;
  acquire();
  EXPECT_NE(ask("pid").text, pid);
  EXPECT_EQ(first(pool_event_kind::stopping).reason, stop_reason::dropped);
  EXPECT_EQ(pool->counts().deaths, 0u);
}

TEST_P(pooled, a_lease_that_another_is_assigned_to_costs_the_worker)
{
  start_pool(line_worker(), patient());
  worker_lease lease = acquire();
  lease = worker_lease();
  EXPECT_EQ(first(pool_event_kind::stopping).reason, stop_reason::dropped);
  EXPECT_EQ(ask("x").text, "re: x");
}

TEST_P(pooled, done_in_the_middle_of_a_request_costs_the_worker)
{
  start_pool(line_worker(), patient());
  worker_lease lease = acquire();
  answered got;
  lease.async_request("hang", got.handler());
  lease.done();
  run_until([&] { return got.calls == 1; });
  EXPECT_EQ(got.ec, code_of(EPIPE));
  EXPECT_EQ(first(pool_event_kind::stopping).reason, stop_reason::dropped);
  EXPECT_EQ(ask("x").text, "re: x");
}

TEST_P(pooled, an_empty_lease_fails_without_a_worker)
{
  worker_lease lease;
  answered got;
  lease.async_request("x", asio::bind_executor(context(), got.handler()));
  run_to_end(); // Asio's own thread tells, and holds the context until it has.
  EXPECT_EQ(got.calls, 1);
  EXPECT_EQ(got.ec, code_of(EINVAL));
  EXPECT_EQ(lease.child().id(), -1);
  EXPECT_FALSE(lease.lost());
  lease.done();
}

TEST_P(pooled, its_pipes_can_be_used_by_hand)
{
  start_pool(line_worker(), patient());
  const std::string pid = ask("pid").text;
  worker_lease lease = acquire();
  write_all(lease.child().stdin_pipe().native_handle(), "by hand\n");
  ASSERT_TRUE(becomes_readable(lease.child().stdout_pipe().native_handle()));
  EXPECT_EQ(read_line(lease.child().stdout_pipe().native_handle()), "re: by hand");
  lease.done();
  EXPECT_EQ(ask("pid").text, pid);
}

// ---- the protocol ----

TEST_P(pooled, exchanges_frames_of_any_size)
{
  start_pool(helper({"cat"}), patient());
  worker_lease lease = acquire();
  for (const std::size_t size :
       {std::size_t(0), std::size_t(1), std::size_t(5000), std::size_t(3) << 20, (std::size_t(1) << 24) + 1}) {
    std::string frame(size, 'x');
    if (size > 1)
      frame[size / 2] = '\n';
    answered got;
    lease.async_exchange(frame, got.handler());
    run_until([&] { return got.calls == 1; });
    EXPECT_FALSE(got.ec) << got.ec.message();
    EXPECT_TRUE(got.text == frame) << size;
  }
  lease.done();
  EXPECT_EQ(pool->counts().ready, 1u);
}

TEST_P(pooled, a_frame_that_promises_too_much_is_refused)
{
  worker_pool_options options = patient();
  options.longest_frame = 10;
  start_pool(helper({"cat"}), options);
  worker_lease lease = acquire();
  answered got;
  lease.async_exchange(std::string(11, 'x'), got.handler());
  run_until([&] { return got.calls == 1; });
  EXPECT_EQ(got.ec, code_of(EMSGSIZE));
  lease.done(); // It is recycled all the same.
  EXPECT_EQ(first(pool_event_kind::stopping).reason, stop_reason::protocol);
}

TEST_P(pooled, a_line_that_is_too_long_costs_the_worker)
{
  worker_pool_options options = patient();
  options.longest_line = 100;
  start_pool(line_worker(), options);
  EXPECT_EQ(ask("long 100").text, std::string(100, 'o'));
  EXPECT_EQ(ask("long 101").ec, code_of(EMSGSIZE));
  EXPECT_EQ(first(pool_event_kind::stopping).reason, stop_reason::protocol);
  EXPECT_EQ(ask("x").text, "re: x");
}

TEST_P(pooled, half_an_answer_is_an_error_of_its_own)
{
  start_pool(line_worker(), patient());
  worker_lease lease = acquire();
  EXPECT_EQ(request(lease, "half").ec, code_of(EBADMSG));
  ASSERT_TRUE(lease.lost());
  EXPECT_EQ(lease.lost()->code(), 7);
}

// More than is read at once: the end is known when some of it is still to come.
TEST_P(pooled, half_an_answer_of_any_size_is_an_error_of_its_own)
{
  start_pool(program("/bin/sh", {"-c", "read -r x; printf '%060000d' 0; exit 7"}), patient());
  worker_lease lease = acquire();
  const pid_t worker = lease.child().id();
  answered got;
  lease.async_request("x", got.handler());
  wait_until_exited(worker);
  run_until([&] { return got.calls == 1; });
  EXPECT_EQ(got.ec, code_of(EBADMSG));
  ASSERT_TRUE(lease.lost());
  EXPECT_EQ(lease.lost()->code(), 7);
}

TEST_P(pooled, last_words_are_an_answer)
{
  start_pool(line_worker(), patient());
  worker_lease lease = acquire();
  EXPECT_EQ(request(lease, "last words").text, "these");
  run_until([&] { return lease.lost().has_value(); });
  EXPECT_EQ(request(lease, "more").ec, code_of(EPIPE));
}

// Also those of which more, or one byte more, is there than is read at once.
TEST_P(pooled, last_words_of_any_size_are_an_answer)
{
  for (const std::size_t size : {100u, 16383u, 16384u, 16385u, 32768u, 49152u, 60000u}) {
    start_pool(program("/bin/sh", {"-c", "read -r x; printf '%0" + std::to_string(size) + "d\\n' 0"}), patient());
    worker_lease lease = acquire();
    const pid_t worker = lease.child().id();
    answered got;
    lease.async_request("x", got.handler());
    wait_until_exited(worker);
    run_until([&] { return got.calls == 1; });
    EXPECT_FALSE(got.ec) << got.ec.message();
    EXPECT_EQ(got.text.size(), size);
    lease.done();
    end_pool();
    run = {};
  }
  run.calls = 1; // All are over.
}

TEST_P(pooled, a_second_answer_costs_the_worker)
{
  start_pool(line_worker(), patient());
  const std::string pid = ask("pid").text;
  worker_lease lease = acquire();
  EXPECT_EQ(request(lease, "twice").text, "once");
  EXPECT_EQ(request(lease, "x").ec, code_of(EPROTO));
  EXPECT_EQ(request(lease, "x").ec, code_of(EPROTO));
  lease.done();
  EXPECT_NE(ask("pid").text, pid);
  EXPECT_EQ(first(pool_event_kind::stopping).reason, stop_reason::protocol);
}

TEST_P(pooled, an_answer_to_a_request_that_was_not_sent_is_none)
{
  start_pool(program("/bin/sh", {"-c", "head -c 1 >/dev/null; echo early; exec sleep 60"}), patient());
  worker_lease lease = acquire();
  EXPECT_EQ(request(lease, std::string(std::size_t(4) << 20, 'x')).ec, code_of(EPROTO));
  lease.done();
  EXPECT_EQ(first(pool_event_kind::stopping).reason, stop_reason::protocol);
}

TEST_P(pooled, a_worker_with_something_left_is_not_handed_on)
{
  start_pool(line_worker(), patient());
  worker_lease lease = acquire();
  leased next;
  pool->async_acquire(next.handler());
  EXPECT_EQ(request(lease, "twice").text, "once");
  lease.done();
  run_until([&] { return next.calls == 1; });
  EXPECT_EQ(request(next.lease, "x").text, "re: x");
}

// The answer is as much as is read at once: whether more is there, nobody has seen.
TEST_P(pooled, a_worker_whose_stream_was_closed_is_not_handed_on)
{
  start_pool(line_worker(), patient());
  for (const bool is_input : {true, false}) {
    worker_lease lease = acquire();
    const pid_t closed = lease.child().id();
    if (is_input)
      lease.child().stdin_pipe().close();
    else
      lease.child().stdout_pipe().close();
    lease.done();
    worker_lease next = acquire();
    EXPECT_NE(next.child().id(), closed);
    EXPECT_EQ(request(next, "x").text, "re: x");
    next.done();
  }
}

TEST_P(pooled, a_worker_with_something_left_behind_a_large_answer_is_not_handed_on)
{
  const scratch_directory scratch;
  const std::string path = scratch / "orders";
  const std::string written = scratch / "written";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const unique_fd orders(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  start_pool(program("/bin/sh", {"-c", R"(while read -r x && read -r x <"$0"; do
                                            printf '%016383d\nleft\n' 0
                                            : >"$1"
                                          done)",
                                 path, written}),
             patient());
  worker_lease lease = acquire();
  leased next;
  pool->async_acquire(next.handler());
  answered got;
  lease.async_request("x", got.handler());
  write_all(orders.get(), "\n");
  EXPECT_TRUE(eventually([&] { return std::filesystem::exists(written); }));
  run_until([&] { return got.calls == 1; });
  EXPECT_EQ(got.text.size(), 16383u);
  lease.done();
  run_until([&] { return next.calls == 1; });
  write_all(orders.get(), "\n");
  EXPECT_EQ(request(next.lease, "x").text.size(), 16383u);
}

TEST_P(pooled, an_idle_worker_that_writes_is_recycled)
{
  start_pool(line_worker(), patient());
  EXPECT_EQ(ask("unasked").text, "first");
  EXPECT_EQ(first(pool_event_kind::stopping).reason, stop_reason::protocol);
  EXPECT_EQ(ask("x").text, "re: x");
}

TEST_P(pooled, a_worker_that_writes_before_its_first_lease_is_recycled)
{
  start_pool(command("/bin/sh", {"-c", "echo unasked; exec \"$0\" line-worker", helper_path()}), patient());
  EXPECT_EQ(first(pool_event_kind::stopping).reason, stop_reason::protocol);
}

// Whatever it is that has made it ready.
TEST_P(pooled, a_worker_that_writes_after_its_line_of_readiness_is_recycled)
{
  const scratch_directory scratch;
  const std::string go_on = scratch / "go on";
  ASSERT_EQ(::mkfifo(go_on.c_str(), 0600), 0);
  worker_pool_options options = patient();
  options.ready = readiness::line("now");
  start_pool(program("/bin/sh", {"-c", "echo now; read -r x <\"$0\"; echo unasked; exec sleep 60", go_on}), options);
  first(pool_event_kind::ready);
  const unique_fd order(::open(go_on.c_str(), O_RDWR | O_CLOEXEC));
  write_all(order.get(), "\n");
  EXPECT_EQ(first(pool_event_kind::stopping).reason, stop_reason::protocol);
}

TEST_P(pooled, what_cannot_be_sent_costs_nothing)
{
  start_pool(line_worker(), patient());
  worker_lease lease = acquire();
  EXPECT_EQ(request(lease, "two\nlines").ec, code_of(EINVAL));
  answered slow;
  answered beside;
  lease.async_request("x", slow.handler());
  lease.async_request("y", beside.handler());
  run_until([&] { return slow.calls == 1 && beside.calls == 1; });
  EXPECT_EQ(beside.ec, code_of(EBUSY));
  EXPECT_EQ(slow.text, "re: x");
  lease.done();
  EXPECT_EQ(pool->counts().ready, 1u);
}

TEST_P(pooled, a_request_is_not_sent_where_no_answer_could_come)
{
  start_pool(line_worker(), patient());
  worker_lease lease = acquire();
  lease.child().stdout_pipe().close();
  EXPECT_EQ(request(lease, "x").ec, code_of(EBADF));
}

TEST_P(pooled, a_cancelled_request_costs_the_worker)
{
  start_pool(line_worker(), patient());
  worker_lease lease = acquire();
  asio::cancellation_signal cancel;
  answered got;
  lease.async_request("hang", asio::bind_cancellation_slot(cancel.slot(), got.handler()));
  cancel.emit(asio::cancellation_type::terminal);
  run_until([&] { return got.calls == 1; });
  EXPECT_EQ(got.ec, asio::error::operation_aborted);
  lease.done();
  EXPECT_EQ(first(pool_event_kind::stopping).reason, stop_reason::protocol);
  EXPECT_EQ(ask("x").text, "re: x");
}

TEST_P(pooled, a_worker_that_closes_its_output_is_recycled)
{
  start_pool(line_worker(), patient());
  EXPECT_EQ(ask("close").ec, code_of(EPIPE));
  EXPECT_EQ(ask("x").text, "re: x");
}

// ---- deaths ----

TEST_P(pooled, the_first_spawn_fails)
{
  leased got;
  make(program("/nowhere/at/all"), patient());
  pool->async_acquire(got.handler());
  start_run();
  EXPECT_EQ(result_of_run(), code_of(ENOENT));
  run_until([&] { return got.calls == 1; });
  EXPECT_EQ(got.ec, code_of(ENOENT));
  EXPECT_EQ(pool->last_failure().step, spawn_step::exec);
  EXPECT_EQ(pool->last_failure().program, "/nowhere/at/all");
  leased late;
  pool->async_acquire(late.handler());
  run_until([&] { return late.calls == 1; });
  EXPECT_EQ(late.ec, code_of(ENOENT));
}

TEST_P(pooled, no_worker_is_ever_ready_in_time)
{
  worker_pool_options options = patient();
  options.ready = readiness::line("ready");
  options.ready_within = 50ms;
  start_pool(helper({"hang"}), options);
  EXPECT_EQ(result_of_run(), code_of(ETIMEDOUT));
}

TEST_P(pooled, the_first_workers_die_before_they_are_ready)
{
  worker_pool_options options = patient();
  options.ready = readiness::line("ready");
  start_pool(helper({"exit", "3"}), options);
  EXPECT_EQ(result_of_run(), code_of(ENOTRECOVERABLE));
  EXPECT_EQ(first(pool_event_kind::died).status.code(), 3);
}

TEST_P(pooled, a_spawn_that_fails_later_mends_later)
{
  scratch_directory place;
  const std::string path = place.helper_as("worker");
  start_pool(program(path, {"line-worker"}), patient());
  const pid_t pid = std::stoi(ask("pid").text);
  std::filesystem::rename(path, path + ".away");
  ::kill(pid, SIGKILL);
  EXPECT_EQ(first(pool_event_kind::spawn_failed).error, code_of(ENOENT));
  EXPECT_GT(first(pool_event_kind::backing_off).delay, 0ns);
  std::filesystem::rename(path + ".away", path);
  EXPECT_EQ(ask("x").text, "re: x");
  EXPECT_EQ(run.calls, 0);
}

TEST_P(pooled, a_worker_that_dies_idle_is_started_again)
{
  start_pool(line_worker(), patient());
  const pid_t pid = std::stoi(ask("pid").text);
  ::kill(pid, SIGKILL);
  EXPECT_EQ(first(pool_event_kind::died).status.signal(), SIGKILL);
  EXPECT_EQ(first(pool_event_kind::died).pid, pid);
  EXPECT_EQ(ask("x").text, "re: x");
  EXPECT_EQ(pool->counts().deaths, 1u);
}

TEST_P(pooled, a_request_fails_when_its_worker_dies)
{
  start_pool(helper({"mortal-worker", "1", "5"}), patient());
  worker_lease lease = acquire();
  EXPECT_EQ(request(lease, "x").text, "re: x");
  EXPECT_EQ(request(lease, "y").ec, code_of(EPIPE));
  ASSERT_TRUE(lease.lost());
  EXPECT_EQ(lease.lost()->code(), 5);
  lease.done();
  EXPECT_EQ(first(pool_event_kind::died).status.code(), 5);
  EXPECT_EQ(count(pool_event_kind::stopping), 0u);
  EXPECT_EQ(ask("z").text, "re: z");
}

TEST_P(pooled, a_request_fails_though_others_hold_the_streams)
{
  start_pool(line_worker().process_group(0).stop_with(stop_sequence{}.of_group()), patient());
  worker_lease lease = acquire();
  const pid_t group = std::stoi(request(lease, "pid").text);
  EXPECT_EQ(request(lease, "leave a child").ec, code_of(EPIPE));
  ASSERT_TRUE(lease.lost());
  EXPECT_EQ(lease.lost()->code(), 7);
  ::kill(-group, SIGKILL);
}

TEST_P(pooled, a_hung_worker_is_ended_at_the_lease_limit)
{
  worker_pool_options options = patient();
  options.lease_limit = 50ms;
  start_pool(line_worker().stop_with({{SIGTERM, 20ms}}), options);
  worker_lease lease = acquire();
  EXPECT_EQ(request(lease, "stop").ec, code_of(ETIMEDOUT)); // SIGSTOP, that is.
  EXPECT_TRUE(lease.lost());
  EXPECT_EQ(first(pool_event_kind::stopping).reason, stop_reason::lease_limit);
  lease.done();
  EXPECT_EQ(ask("x").text, "re: x");
}

TEST_P(pooled, a_request_after_the_lease_limit_is_told_of_it)
{
  worker_pool_options options = patient();
  options.lease_limit = 50ms;
  start_pool(line_worker(), options);
  worker_lease lease = acquire();
  run_until([&] { return lease.lost().has_value(); });
  EXPECT_EQ(request(lease, "x").ec, code_of(ETIMEDOUT));
  lease.done();
}

TEST_P(pooled, a_limit_holds_though_the_pool_waits_for_something_later)
{
  worker_pool_options options = patient();
  options.lease_limit = 50ms;
  options.recycle.age = 3600s;
  start_pool(line_worker(), options);
  EXPECT_EQ(ask("hang").ec, code_of(ETIMEDOUT));
}

TEST_P(pooled, a_start_that_hangs_is_cancelled_when_it_is_late)
{
  const scratch_directory scratch;
  ASSERT_EQ(::mkfifo((scratch / "nobody").c_str(), 0600), 0);
  worker_pool_options options = patient();
  options.ready_within = 50ms;
  start_pool(line_worker().stderr_to(stdio::write_file(scratch / "nobody")), options);
  EXPECT_EQ(result_of_run(), code_of(ETIMEDOUT));
  EXPECT_EQ(count(pool_event_kind::starting), 0u);
}

TEST_P(pooled, a_lease_within_its_limit_is_left_alone)
{
  worker_pool_options options = patient();
  options.lease_limit = 60s;
  start_pool(line_worker(), options);
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(ask("x").text, "re: x");
  EXPECT_EQ(count(pool_event_kind::starting), 1u);
}

TEST_P(pooled, gives_up_after_too_many_deaths)
{
  worker_pool_options options = patient(2);
  options.most_deaths = 3;
  options.within = 60s;
  start_pool(helper({"exit", "3"}), options);
  EXPECT_EQ(result_of_run(), code_of(ENOTRECOVERABLE));
  EXPECT_EQ(first(pool_event_kind::gave_up).error, code_of(ENOTRECOVERABLE));
  EXPECT_EQ(pool->counts().deaths, 4u);
}

TEST_P(pooled, gives_up_at_a_permanent_failure_and_tells_all)
{
  worker_pool_options options = patient();
  options.permanent_failures = {78};
  start_pool(line_worker(), options);
  worker_lease lease = acquire();
  leased waits;
  pool->async_acquire(waits.handler());
  EXPECT_EQ(request(lease, "exit 78").ec, code_of(EPIPE));
  EXPECT_EQ(result_of_run(), code_of(ENOTRECOVERABLE));
  run_until([&] { return waits.calls == 1; });
  EXPECT_EQ(waits.ec, code_of(ENOTRECOVERABLE));
}

TEST_P(pooled, ends_well_when_nothing_is_to_be_started_any_more)
{
  worker_pool_options options = patient();
  options.restart = restart_when::on_failure;
  start_pool(line_worker(), options);
  worker_lease lease = acquire();
  EXPECT_EQ(request(lease, "exit 0").ec, code_of(EPIPE));
  EXPECT_EQ(result_of_run(), std::error_code());
}

TEST_P(pooled, lines_of_stderr_are_events)
{
  start_pool(line_worker().stderr_to(stdio::pipe()), patient());
  EXPECT_EQ(ask("say hello").text, "said");
  EXPECT_EQ(first(pool_event_kind::output).text, "hello");
  EXPECT_EQ(ask("say again").text, "said");
  run_until([&] { return count(pool_event_kind::output) == 2; }); // While the worker runs.
  EXPECT_EQ(ask("exit 1").ec, code_of(EPIPE));
  first(pool_event_kind::died);
  EXPECT_EQ(count(pool_event_kind::output), 2u);
}

// Waits while the loop stands still.
void let_it_end(pid_t pid)
{
  siginfo_t end{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &end, WEXITED | WNOWAIT), 0);
}

// Lets one worker of two write its last words, when the end of the other is news to the
// loop already. It is more than the pool reads at once, so that the end comes in between.
class pool_at_the_end : public pooled {
protected:
  void say_last_words(std::string_view request)
  {
    worker_lease other = acquire();
    worker_lease lease = acquire();
    last = lease.child().id();
    other.child().kill();
    let_it_end(other.child().id());
    write_all(lease.child().stdin_pipe().native_handle(), request);
    let_it_end(last);
    run_until([&] { return std::ranges::any_of(told, [&](const pool_event& event) { return is_end(event); }); });
  }

  bool is_end(const pool_event& event) const { return event.kind == pool_event_kind::died && event.pid == last; }

  /// What it has said before its end was told.
  std::vector<std::string> said() const
  {
    std::vector<std::string> texts;
    for (const pool_event& event : told) {
      if (is_end(event))
        break;
      if (event.pid == last && !event.text.empty())
        texts.push_back(event.text);
    }
    return texts;
  }

  pid_t last = -1;
};
SUBPROCESS_FOR_EACH_SETUP(pool_at_the_end);

TEST_P(pool_at_the_end, what_was_written_to_stderr_is_told_before)
{
  command worker = program("/bin/sh", {"-c", "read -r x; printf '%0400d\\n' $(seq 100) >&2; printf cut >&2; exit 1"});
  start_pool(worker.stderr_to(stdio::pipe()), patient(2));
  say_last_words("go\n");
  EXPECT_EQ(said().size(), 101u);
  EXPECT_EQ(said().back(), "cut");
}

#ifdef SUBPROCESS_LINUX_OPTIONS
TEST_P(pool_at_the_end, what_was_notified_is_told_before)
{
  worker_pool_options options = patient(2);
  options.watchdog = 3600s;
  start_pool(helper({"notify"}), options);
  say_last_words("notify STATUS=farewell\nexit 7\n");
  EXPECT_EQ(said(), (std::vector<std::string>{"farewell"}));
}
#endif

// Twice it reads as much as it has room for, and then one byte is left.
TEST_P(pool_at_the_end, the_last_byte_of_an_answer_is_read)
{
  start_pool(program("/bin/sh", {"-c", "read -r x; printf '%032768d\\n' 0"}), patient(2));
  worker_lease other = acquire();
  worker_lease lease = acquire();
  other.child().kill();
  let_it_end(other.child().id());
  answered got;
  lease.async_request("go", got.handler());
  let_it_end(lease.child().id());
  run_until([&] { return got.calls == 1; });
  EXPECT_FALSE(got.ec) << got.ec.message();
  EXPECT_EQ(got.text.size(), 32768u);
}

TEST_P(pooled, keeps_the_last_1024_events_for_who_does_not_ask)
{
  command worker = program("/bin/sh", {"-c", "seq 1500 >&2; exec sleep 60"});
  make(worker.stderr_to(stdio::pipe()), patient());
  pool->async_run(asio::bind_cancellation_slot(stop.slot(), run.handler()));
  run_until([&] { return pool->events_dropped() == 1500 + 2 - 1024; }); // It is starting and ready, too.
  std::vector<std::string> kept;
  for (int i = 0; i < 1024; ++i) {
    bool is_told = false;
    pool->async_next_event([&](std::error_code ec, const pool_event& event) {
      EXPECT_FALSE(ec);
      kept.push_back(event.text);
      is_told = true;
    });
    run_until([&] { return is_told; });
  }
  EXPECT_EQ(kept.front(), std::to_string(1500 - 1024 + 1));
  EXPECT_EQ(kept.back(), "1500");
  EXPECT_EQ(pool->events_dropped(), 1500u + 2 - 1024);
}

TEST_P(pooled, a_last_line_of_stderr_needs_no_newline)
{
  worker_pool_options options = patient();
  options.restart = restart_when::never;
  start_pool(command("/bin/sh", {"-c", "printf 'last words' >&2; exit 3"}).stderr_to(stdio::pipe()), options);
  EXPECT_EQ(first(pool_event_kind::output).text, "last words");
  first(pool_event_kind::died);
  EXPECT_EQ(count(pool_event_kind::output), 1u);
}

TEST_P(pooled, a_worker_that_closes_its_stderr_costs_no_time)
{
  const command worker("/bin/sh", {"-c", "echo hello >&2; exec 2>&-; exec \"$0\" line-worker", helper_path()});
  start_pool(command(worker).stderr_to(stdio::pipe()), patient());
  EXPECT_EQ(ask("x").text, "re: x"); // It has closed it.
  EXPECT_EQ(first(pool_event_kind::output).text, "hello");
  int turns = 0;
  while (turns < 100 && context().poll_one() > 0)
    ++turns;
  EXPECT_LT(turns, 100);
}

// ---- readiness ----

TEST_P(pooled, a_line_tells_that_a_worker_is_ready)
{
  worker_pool_options options = patient(2);
  options.ready = readiness::line("now");
  start_pool(helper({"line-worker", "now"}), options);
  finished ready;
  pool->async_wait_ready(2, ready.handler());
  run_until([&] { return ready.calls == 1; });
  EXPECT_FALSE(ready.ec);
  EXPECT_EQ(pool->counts().ready, 2u);
  EXPECT_EQ(ask("x").text, "re: x");
}

TEST_P(pooled, another_line_is_no_sign_of_readiness)
{
  worker_pool_options options = patient();
  options.ready = readiness::line("now");
  start_pool(helper({"line-worker", "later"}), options);
  EXPECT_EQ(result_of_run(), code_of(ENOTRECOVERABLE));
  EXPECT_EQ(first(pool_event_kind::stopping).reason, stop_reason::protocol);
}

TEST_P(pooled, a_line_with_something_behind_it_is_no_sign_of_readiness)
{
  worker_pool_options options = patient();
  options.ready = readiness::line("now");
  start_pool(program("/bin/sh", {"-c", "printf 'now\\nand then\\n'; exec cat"}), options);
  EXPECT_EQ(result_of_run(), code_of(ENOTRECOVERABLE));
  EXPECT_EQ(first(pool_event_kind::stopping).reason, stop_reason::protocol);
}

#ifdef SUBPROCESS_LINUX_OPTIONS
// What is ready first is told first: a handler of ours reads in the worker's place, before
// the pool can.
TEST_P(pooled, a_line_is_waited_for_though_another_has_read_what_was_there)
{
  const scratch_directory scratch;
  const std::string path = scratch / "orders";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const unique_fd orders(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  worker_pool_options options = patient();
  options.ready = readiness::line("now");
  start_pool(program("/bin/sh", {"-c", R"(exec 3<"$0"; read -r x <&3; printf x; read -r x <&3
                                          echo now; exec sleep 60)",
                                 path}),
             options);
  const std::string worker = std::to_string(first(pool_event_kind::starting).pid);
  const unique_fd out(::open(("/proc/" + worker + "/fd/1").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  ASSERT_TRUE(out);
  pipe_ends ours = make_pipe();
  {
    asio::posix::stream_descriptor sooner(context(), ours.read_end.release());
    ssize_t taken = 0;
    sooner.async_wait(sooner.wait_read, [&](std::error_code) {
      char letter = 0;
      taken = ::read(out.get(), &letter, 1);
    });
    write_all(ours.write_end.get(), "x");
    write_all(orders.get(), "\n");
    EXPECT_TRUE(becomes_readable(out.get()));
    context().restart();
    context().poll();
    EXPECT_EQ(taken, 1);
  }
  write_all(orders.get(), "\n");
  first(pool_event_kind::ready);
}
#endif

TEST_P(pooled, a_worker_that_closes_its_output_will_not_say_that_it_is_ready)
{
  worker_pool_options options = patient();
  options.ready = readiness::line("now");
  options.ready_within = 300ms;
  start_pool(program("/bin/sh", {"-c", "exec >&-; exec sleep 60"}), options);
  EXPECT_EQ(result_of_run(), code_of(ETIMEDOUT));
}

TEST_P(pooled, waiting_for_readiness_can_be_cancelled)
{
  start_pool(line_worker(), patient());
  asio::cancellation_signal cancel;
  finished ready;
  pool->async_wait_ready(2, asio::bind_cancellation_slot(cancel.slot(), ready.handler()));
  ask("x");
  EXPECT_EQ(ready.calls, 0);
  cancel.emit(asio::cancellation_type::total);
  run_until([&] { return ready.calls == 1; });
  EXPECT_EQ(ready.ec, asio::error::operation_aborted);
}

#ifdef SUBPROCESS_LINUX_OPTIONS
worker_pool_options notified()
{
  worker_pool_options options = patient();
  options.ready = readiness::notify();
  return options;
}

TEST_P(pooled, a_worker_is_ready_when_it_notifies)
{
  start_pool(helper({"notify", "STATUS=loading", "READY=1|STATUS=up"}), notified());
  EXPECT_EQ(ask("x").text, "re: x");
  run_until([&] { return count(pool_event_kind::says) == 2; });
  EXPECT_EQ(first(pool_event_kind::says).text, "loading");
}

TEST_P(pooled, a_child_of_a_worker_may_notify_for_it)
{
  start_pool(helper({"notify", "fork READY=1"}).process_group(0).stop_with(stop_sequence{}.of_group()), notified());
  EXPECT_EQ(ask("x").text, "re: x");
}

// A worker's environment has the name; this program is no descendant of it.
std::string notify_socket_of(pid_t worker)
{
  const std::string variables = content_of("/proc/" + std::to_string(worker) + "/environ");
  const std::size_t begin = variables.find("NOTIFY_SOCKET=");
  EXPECT_NE(begin, variables.npos);
  const std::string entry = variables.c_str() + std::min(begin, variables.size());
  return entry.substr(entry.find('=') + 1);
}

TEST_P(pooled, descriptors_that_come_with_a_notification_are_closed)
{
  start_pool(helper({"notify", "READY=1"}), notified());
  EXPECT_EQ(ask("barrier").text, "passed"); // It waits until nobody has the other end of a pipe.
}

TEST_P(pooled, takes_no_number_of_a_standard_stream)
{
  for (int stream = 0; stream < 3; ++stream)
    isolated_loop([&] {
      ::close(stream);
      start_pool(helper({"notify", "READY=1"}), notified());
      EXPECT_EQ(ask("x").text, "re: x");
      EXPECT_EQ(::fcntl(stream, F_GETFD), -1);
      end_pool();
      pool.reset();
    });
}

TEST_P(pooled, others_cannot_notify_for_a_worker)
{
  start_pool(helper({"notify", "STATUS=waiting"}), notified());
  first(pool_event_kind::says);
  command stranger = helper({"notify", "READY=1"}).stdin_from(stdio::null());
  stranger.env("NOTIFY_SOCKET", notify_socket_of(first(pool_event_kind::starting).pid));
  EXPECT_TRUE(subprocess::run(stranger).success());
  // It was sent, so the next look at the socket finds it.
  context().restart();
  context().poll();
  EXPECT_EQ(count(pool_event_kind::ready), 0u);
  EXPECT_EQ(pool->counts().starting, 1u);
}

TEST_P(pooled, a_worker_cannot_name_a_stranger_as_its_main_process)
{
  command waiting("/bin/sh");
  waiting.args({"-c", R"(read -r name; NOTIFY_SOCKET=$name exec "$0" notify READY=1 </dev/null)", helper_path()});
  child stranger = subprocess::spawn(waiting.stdin_from(stdio::pipe()));
  const std::string text = "MAINPID=" + std::to_string(stranger.id()) + "|STATUS=named";
  start_pool(helper({"notify", text}), notified());
  first(pool_event_kind::says);
  write_all(stranger.stdin_pipe().get(), notify_socket_of(first(pool_event_kind::starting).pid) + '\n');
  EXPECT_TRUE(stranger.wait().success());
  context().restart();
  context().poll();
  EXPECT_EQ(count(pool_event_kind::ready), 0u);
}

// The worker's child starts the main process, names it, and ends. Who says something lives
// on until it was heard, since its parents are looked up.
TEST_P(pooled, a_main_process_is_heard_when_those_between_have_ended)
{
  const scratch_directory scratch;
  const std::string silent = scratch / "silent";
  ASSERT_EQ(::mkfifo(silent.c_str(), 0600), 0);
  const command worker = program("/bin/sh", {"-c",
                                             R"(("$0" notify <&3 & main=$!
                                                 while [ ! -e "$1" ]; do sleep .01; done |
                                                   "$0" notify "MAINPID=$main|STATUS=named") 3<&0
                                                exec "$0" notify STATUS=alone <>"$2")",
                                             helper_path(), scratch / "go on", silent});
  worker_pool_options options = notified();
  options.ready = readiness::exec();
  options.watchdog = 3600s;
  start_pool(worker, options);
  first(pool_event_kind::says);
  scratch.file("go on", "");
  run_until([&] { return count(pool_event_kind::says) == 2; });
  worker_lease lease = acquire();
  EXPECT_EQ(request(lease, "notify STATUS=orphan").text, "sent");
  run_until([&] { return count(pool_event_kind::says) == 3; });
  EXPECT_EQ(told.back().text, "orphan");
}

TEST_P(pooled, a_worker_that_reloads_is_told_of_and_goes_on)
{
  start_pool(helper({"notify", "READY=1"}), notified());
  EXPECT_EQ(ask("notify RELOADING=1").text, "sent");
  EXPECT_GT(first(pool_event_kind::reloading).pid, 0);
  EXPECT_EQ(ask("x").text, "re: x");
  EXPECT_EQ(count(pool_event_kind::stopping), 0u);
}

TEST_P(pooled, a_worker_is_told_how_often_it_has_to_give_a_sign_of_life)
{
  command worker = program("/bin/sh", {"-c", "read -r x; echo $WATCHDOG_USEC for ${WATCHDOG_PID-anybody}"});
  worker_pool_options options = patient();
  options.watchdog = 90s;
  start_pool(worker.env("WATCHDOG_PID", "1"), options);
  EXPECT_EQ(ask("x").text, "90000000 for anybody");
}

TEST_P(pooled, a_worker_may_ask_for_more_time)
{
  worker_pool_options options = notified();
  options.ready_within = 500ms;
  start_pool(helper({"notify", "EXTEND_TIMEOUT_USEC=60000000|STATUS=slow"}), options);
  first(pool_event_kind::says);
  finished ready;
  pool->async_wait_ready(1, ready.handler());
  context().restart();
  context().run_for(700ms); // That it does not happen takes time to see.
  EXPECT_EQ(run.calls, 0);
  EXPECT_EQ(ready.calls, 0);
  end_pool();
  EXPECT_EQ(ready.ec, asio::error::operation_aborted);
}

TEST_P(pooled, a_worker_may_ask_for_more_time_to_stop)
{
  worker_pool_options options = notified();
  command worker = helper({"notify", "READY=1"});
  worker.stop_with({{0, 1s}}); // Nothing, and then SIGKILL.
  start_pool(worker, options);
  worker_lease lease = acquire();
  cancel_run();
  cancel_run(); // Its stop sequence begins.
  write_all(lease.child().stdin_pipe().native_handle(), "notify EXTEND_TIMEOUT_USEC=60000000\nnotify STATUS=slow\n");
  first(pool_event_kind::says);
  context().restart();
  context().run_for(1300ms); // That it does not happen takes time to see.
  EXPECT_FALSE(lease.lost());
  cancel_run();
  run_until([&] { return run.calls == 1; });
  EXPECT_EQ(lease.lost()->signal(), SIGKILL);
}

TEST_P(pooled, signs_of_life_keep_a_worker)
{
  EXPECT_TRUE(given_enough_time(200ms, [&](std::chrono::milliseconds watchdog) {
    worker_pool_options options = notified();
    options.watchdog = watchdog;
    start_pool(helper({"notify", "READY=1"}), options);
    for (const deadline end(2 * watchdog); !end.passed();)
      ask("notify WATCHDOG=1");
    const bool lives = count(pool_event_kind::stopping) == 0;
    end_pool();
    pool.reset();
    run = {};
    told.clear();
    return lives;
  }));
  run.calls = 1;
}

TEST_P(pooled, for_which_there_is_no_socket_ends_at_once)
{
  isolated_loop([&] {
    const asio::steady_timer opens_what_asio_needs(context());
    rlimit few{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &few), 0);
    few.rlim_cur = static_cast<rlim_t>(lowest_free());
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    start_pool(helper({"notify", "READY=1"}), notified());
    EXPECT_EQ(result_of_run(), code_of(EMFILE));
    pool.reset();
  });
}

TEST_P(pooled, a_worker_that_is_silent_for_too_long_is_ended)
{
  worker_pool_options options = notified();
  options.watchdog = 100ms;
  start_pool(helper({"notify", "READY=1"}), options);
  EXPECT_EQ(first(pool_event_kind::stopping).reason, stop_reason::watchdog);
  run_until([&] { return count(pool_event_kind::ready) > 1; });
}

TEST_P(pooled, a_worker_may_ask_to_be_ended)
{
  start_pool(helper({"notify", "READY=1"}), notified());
  worker_lease lease = acquire();
  EXPECT_EQ(request(lease, "notify STOPPING=1").text, "sent");
  EXPECT_EQ(request(lease, "x").text, "re: x");
  lease.done();
  EXPECT_EQ(first(pool_event_kind::stopping).reason, stop_reason::left);
  ask("notify WATCHDOG=trigger"); // Its end may come before its answer.
  run_until([&] { return std::ranges::count(told, stop_reason::watchdog, &pool_event::reason) > 0; });
}
#endif

// ---- recycling ----

TEST_P(pooled, a_worker_goes_after_its_uses)
{
  worker_pool_options options = patient();
  options.recycle.uses = 2;
  start_pool(line_worker(), options);
  std::vector<std::string> pids;
  for (int i = 0; i < 4; ++i)
    pids.push_back(ask("pid").text);
  EXPECT_EQ(pids[0], pids[1]);
  EXPECT_NE(pids[1], pids[2]);
  EXPECT_EQ(pids[2], pids[3]);
  EXPECT_EQ(first(pool_event_kind::stopping).reason, stop_reason::uses);
  EXPECT_EQ(pool->counts().deaths, 0u);
}

TEST_P(pooled, a_worker_goes_at_its_age)
{
  worker_pool_options options = patient();
  options.recycle.age = 20ms;
  start_pool(line_worker(), options);
  EXPECT_EQ(first(pool_event_kind::stopping).reason, stop_reason::age);
  run_until([&] { return count(pool_event_kind::starting) > 1; });
}

#ifdef __linux__ // /proc
TEST_P(pooled, a_worker_goes_when_it_has_taken_too_much_memory)
{
  worker_pool_options options = patient();
  options.recycle.peak_rss = 1;
  start_pool(line_worker(), options);
  const std::string pid = ask("pid").text;
  EXPECT_NE(ask("pid").text, pid);
  EXPECT_EQ(first(pool_event_kind::stopping).reason, stop_reason::peak_rss);
}

TEST_P(pooled, memory_is_counted_in_bytes)
{
  worker_pool_options options = patient();
  options.recycle.peak_rss = 65536; // Every program has more; in KiB none of these has.
  start_pool(line_worker(), options);
  const std::string pid = ask("pid").text;
  EXPECT_NE(ask("pid").text, pid);
  pool.reset();
  result_of_run();
  run.calls = 0;
  told.clear();
  options.recycle.peak_rss = std::size_t(1) << 40;
  start_pool(line_worker(), options);
  const std::string same = ask("pid").text;
  EXPECT_EQ(ask("pid").text, same);
}
#endif

// ---- size and command ----

TEST_P(pooled, can_be_made_larger_and_smaller)
{
  start_pool(line_worker(), patient(1));
  ask("x");
  pool->resize(3);
  run_until([&] { return pool->counts().ready == 3; });
  pool->resize(1);
  run_until([&] { return count(pool_event_kind::ended) == 2; });
  EXPECT_EQ(pool->counts(), (pool_counts{.ready = 1}));
  EXPECT_EQ(first(pool_event_kind::stopping).reason, stop_reason::resized);
}

TEST_P(pooled, a_smaller_size_waits_for_the_lease)
{
  start_pool(line_worker(), patient(1));
  worker_lease lease = acquire();
  pool->resize(0);
  EXPECT_EQ(request(lease, "x").text, "re: x");
  EXPECT_EQ(count(pool_event_kind::stopping), 0u);
  lease.done();
  EXPECT_EQ(first(pool_event_kind::stopping).reason, stop_reason::resized);
  run_until([&] { return count(pool_event_kind::ended) == 1; });
}

TEST_P(pooled, another_command_takes_over_slot_by_slot)
{
  start_pool(line_worker(), patient(3));
  worker_lease held = acquire();
  finished replaced;
  pool->async_replace(helper({"cat"}), replaced.handler());
  run_until([&] { return count(pool_event_kind::ready) >= 4; });
  EXPECT_EQ(request(held, "still").text, "re: still");
  held.done();
  run_until([&] { return replaced.calls == 1; });
  EXPECT_FALSE(replaced.ec) << replaced.ec.message();
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(ask("mirror").text, "mirror");
  EXPECT_EQ(count(pool_event_kind::replaced), 1u);
  EXPECT_EQ(pool->counts().deaths, 0u);
}

TEST_P(pooled, a_command_that_was_replaced_is_let_go)
{
  pipe_ends ends = make_pipe();
  start_pool(line_worker().stderr_to(stdio::from_fd(std::move(ends.write_end))), patient());
  ask("x");
  finished replaced;
  pool->async_replace(line_worker(), replaced.handler());
  run_until([&] { return replaced.calls == 1; });
  EXPECT_FALSE(replaced.ec) << replaced.ec.message();
  EXPECT_TRUE(becomes_readable(ends.read_end.get())) << "its descriptor is still open";
  EXPECT_EQ(read_all(ends.read_end.get()), "");
}

TEST_P(pooled, a_new_command_that_fails_leaves_the_old)
{
  start_pool(line_worker(), patient(2));
  ask("x");
  finished replaced;
  pool->async_replace(program("/nowhere/at/all"), replaced.handler());
  run_until([&] { return replaced.calls == 1; });
  EXPECT_EQ(replaced.ec, code_of(ENOENT));
  EXPECT_EQ(ask("x").text, "re: x");
  EXPECT_EQ(first(pool_event_kind::replace_failed).error, code_of(ENOENT));
  run_until([&] { return pool->counts().ready == 2; });
  EXPECT_EQ(count(pool_event_kind::stopping), 0u);
}

TEST_P(pooled, a_cancelled_replacement_leaves_the_old)
{
  worker_pool_options options = patient(1);
  options.ready = readiness::line("now");
  start_pool(helper({"line-worker", "now"}), options);
  ask("x");
  asio::cancellation_signal cancel;
  finished replaced;
  pool->async_replace(helper({"hang"}), asio::bind_cancellation_slot(cancel.slot(), replaced.handler()));
  run_until([&] { return count(pool_event_kind::starting) == 2; });
  cancel.emit(asio::cancellation_type::terminal);
  run_until([&] { return replaced.calls == 1; });
  EXPECT_EQ(replaced.ec, asio::error::operation_aborted);
  EXPECT_EQ(ask("x").text, "re: x");
}

// ---- the end ----

TEST_P(pooled, cancelled_once_it_waits_for_leases)
{
  start_pool(line_worker(), patient(2));
  worker_lease lease = acquire();
  run_until([&] { return pool->counts().ready == 1; });
  leased late;
  cancel_run();
  run_until([&] { return count(pool_event_kind::ended) == 1; });
  pool->async_acquire(late.handler());
  EXPECT_EQ(request(lease, "x").text, "re: x");
  run_until([&] { return late.calls == 1; });
  EXPECT_EQ(late.ec, asio::error::operation_aborted);
  EXPECT_EQ(run.calls, 0);
  lease.done();
  EXPECT_EQ(result_of_run(), asio::error::operation_aborted);
  run_to_end();
}

TEST_P(pooled, cancelled_again_it_stops_the_leased)
{
  start_pool(line_worker(), patient(2));
  worker_lease lease = acquire();
  answered got;
  lease.async_request("hang", got.handler());
  cancel_run();
  cancel_run();
  EXPECT_EQ(result_of_run(), asio::error::operation_aborted);
  run_until([&] { return got.calls == 1; });
  EXPECT_EQ(got.ec, asio::error::operation_aborted);
  EXPECT_EQ(lease.lost()->signal(), SIGTERM);
}

TEST_P(pooled, cancelled_a_third_time_it_kills)
{
  worker_pool_options options = patient();
  options.ready = readiness::line("ready");
  start_pool(helper({"ignore", "15"}).stop_with({{SIGTERM, 60s}}), options);
  worker_lease lease = acquire();
  cancel_run();
  cancel_run();
  context().poll();
  EXPECT_EQ(run.calls, 0);
  cancel_run();
  EXPECT_EQ(result_of_run(), asio::error::operation_aborted);
  EXPECT_EQ(lease.lost()->signal(), SIGKILL);
}

// Their sequence is for a group, and they are in ours.
TEST_P(pooled, kills_workers_that_have_no_group_to_be_stopped)
{
  start_pool(helper({"ignore", "15"}).stop_with(stop_sequence{}.of_group()), patient());
  first(pool_event_kind::ready);
  cancel_run();
  EXPECT_EQ(result_of_run(), asio::error::operation_aborted);
  EXPECT_EQ(first(pool_event_kind::ended).status.signal(), SIGKILL);
}

// As sudo does, it takes another user than ours.
TEST_P(pooled, does_not_wait_for_workers_that_may_not_be_signalled)
{
  if (::geteuid() != 0)
    GTEST_SKIP() << "only root can make a set-user-ID program";
  const scratch_directory scratch;
  const std::string takes_root = scratch.helper_as("takes-root");
  ASSERT_EQ(::chmod(takes_root.c_str(), 04755), 0);
  isolated_loop([&] {
    ASSERT_EQ(::setresuid(65534, 65534, 65534), 0);
    for (const int cancellations : {1, 3}) { // By its sequence, and at once.
      run = {};
      told.clear();
      start_pool(program(takes_root, {"take-root-and-sleep", "2000"}), patient());
      const pid_t worker = first(pool_event_kind::ready).pid;
      EXPECT_TRUE(eventually([&] { return ::kill(worker, 0) == -1 && errno == EPERM; }));
      for (int i = 0; i < cancellations; ++i)
        cancel_run();
      EXPECT_EQ(result_of_run(), asio::error::operation_aborted);
      EXPECT_TRUE(is_our_child(worker)) << "it sleeps on";
      EXPECT_EQ(first(pool_event_kind::ended).error, code_of(EPERM));
      pool.reset();
    }
  });
}

// A worker and a process of its own, which holds its streams, says its number on stderr and
// lives longer.
class pool_of_leavers : public pooled {
protected:
  static worker_pool_options options()
  {
    worker_pool_options chosen = patient();
    chosen.restart = restart_when::never;
    return chosen;
  }

  void start(const worker_pool_options& chosen)
  {
    command worker = program("/bin/sh", {"-c", R"(sleep 60 & echo $! >&2; exec "$0" line-worker)", helper_path()});
    start_pool(worker.stderr_to(stdio::pipe()), chosen);
    other = std::stoi(first(pool_event_kind::output).text);
    EXPECT_TRUE(is_busy()); // The pool waits for what the worker writes.
  }

  void expect_end_of_loop()
  {
    run_until([&] { return run.calls == 1; });
    EXPECT_FALSE(is_busy());
    ::kill(other, SIGKILL);
  }

  pid_t other = -1;
};
SUBPROCESS_FOR_EACH_SETUP(pool_of_leavers);

TEST_P(pool_of_leavers, holds_no_loop_when_they_were_stopped)
{
  start(options());
  cancel_run();
  expect_end_of_loop();
}

TEST_P(pool_of_leavers, holds_no_loop_when_they_have_died)
{
  start(options());
  ::kill(first(pool_event_kind::ready).pid, SIGKILL);
  expect_end_of_loop();
}

TEST_P(pool_of_leavers, holds_no_loop_when_they_were_never_ready)
{
  worker_pool_options chosen = options();
  chosen.ready = readiness::line("now");
  start(chosen);
  cancel_run();
  expect_end_of_loop();
}

#ifdef SUBPROCESS_LINUX_OPTIONS
TEST_P(pooled, that_is_over_holds_no_loop)
{
  worker_pool_options options = patient();
  options.ready = readiness::notify();
  start_pool(helper({"notify", "READY=1"}), options);
  first(pool_event_kind::ready);
  cancel_run();
  EXPECT_EQ(result_of_run(), asio::error::operation_aborted);
  EXPECT_FALSE(is_busy());
}
#endif

TEST_P(pooled, runs_once)
{
  start_pool(line_worker(), patient());
  finished again;
  pool->async_run(again.handler());
  run_until([&] { return again.calls == 1; });
  EXPECT_EQ(again.ec, code_of(EALREADY));
  EXPECT_EQ(ask("x").text, "re: x");
}

TEST_P(pooled, to_cancel_a_second_run_leaves_the_first_alone)
{
  start_pool(line_worker(), patient());
  asio::cancellation_signal stop_again;
  finished again;
  pool->async_run(asio::bind_cancellation_slot(stop_again.slot(), again.handler()));
  for (int i = 0; i < 3; ++i)
    stop_again.emit(asio::cancellation_type::terminal); // Before its handler is called.
  run_until([&] { return again.calls == 1; });
  EXPECT_EQ(again.ec, code_of(EALREADY));
  EXPECT_EQ(ask("x").text, "re: x");
  EXPECT_EQ(run.calls, 0);
}

TEST_P(pooled, events_end_with_the_pool)
{
  make(program("/nowhere/at/all"), patient());
  pool->async_run(run.handler());
  result_of_run();
  std::vector<pool_event_kind> kinds;
  std::error_code end;
  const std::function<void(std::error_code, pool_event)> next = [&](std::error_code ec, pool_event event) {
    end = ec;
    if (ec)
      return;
    kinds.push_back(event.kind);
    pool->async_next_event(next);
  };
  pool->async_next_event(next);
  run_until([&] { return static_cast<bool>(end); });
  EXPECT_EQ(end, asio::error::eof);
  EXPECT_EQ(kinds, (std::vector{pool_event_kind::spawn_failed, pool_event_kind::gave_up}));
  EXPECT_EQ(pool->events_dropped(), 0u);
}

TEST_P(pooled, a_pool_that_never_ran_refuses_who_waits)
{
  make(line_worker(), patient());
  leased got;
  finished ready;
  pool->async_acquire(got.handler());
  pool->async_wait_ready(1, ready.handler());
  pool.reset();
  run_to_end();
  EXPECT_EQ(got.ec, asio::error::operation_aborted);
  EXPECT_EQ(ready.ec, asio::error::operation_aborted);
}

TEST_P(pooled, a_pool_that_is_destroyed_ends_its_run)
{
  start_pool(line_worker(), patient(2));
  ask("x");
  pool.reset();
  EXPECT_EQ(result_of_run(), asio::error::operation_aborted);
  run_to_end();
}

// The services of a context end in the order in which they were not made.
TEST_P(pooled, the_context_ends_with_a_reaper_that_is_older_than_the_pool)
{
  async_child before = start({"exit", "0"});
  EXPECT_TRUE(end_of(before).success());
  start_pool(line_worker(), patient(2));
  worker_lease held = acquire();
  pool->resize(4);
  before = async_child();
  end_context();
  EXPECT_EQ(run.calls, 0);
  run.calls = 1; // The handler is gone.
}

// Nobody is left who could go through a stop sequence.
TEST_P(pooled, the_context_ends_and_kills_also_those_that_are_to_be_stopped)
{
  const scratch_directory scratch;
  const std::string heard = scratch / "heard";
  worker_pool_options options = patient(2);
  options.ready = readiness::line("ready");
  command worker = helper({"trap-and-tell", "15"});
  start_pool(worker.stderr_to(stdio::write_file(heard)).stop_on_destroy(), options);
  finished ready;
  pool->async_wait_ready(2, ready.handler());
  run_until([&] { return ready.calls == 1; });
  end_context();
  EXPECT_TRUE(eventually(all_children_gone));
  EXPECT_EQ(content_of(heard), "");
  EXPECT_EQ(run.calls, 0);
  run.calls = 1; // The handler is gone.
}

// A pool that is destroyed has a context to go on in.
TEST_P(pooled, is_destroyed_and_stops_its_workers_by_their_sequence)
{
  const scratch_directory scratch;
  const std::string heard = scratch / "heard";
  worker_pool_options options = patient();
  options.ready = readiness::line("ready");
  command worker = helper({"trap-and-tell", "15"});
  start_pool(worker.stderr_to(stdio::write_file(heard)).stop_on_destroy(), options);
  finished ready;
  pool->async_wait_ready(1, ready.handler());
  run_until([&] { return ready.calls == 1; });
  pool.reset();
  EXPECT_EQ(result_of_run(), asio::error::operation_aborted);
  EXPECT_EQ(content_of(heard), "caught 15\n");
}

TEST_P(pooled, the_context_ends_with_everything_under_way)
{
  const auto alive = std::make_shared<int>();
  start_pool(line_worker().stderr_to(stdio::pipe()), patient(2));
  leased held;
  pool->async_acquire(held.handler());
  run_until([&] { return held.calls == 1; });
  leased other;
  pool->async_acquire(other.handler());
  run_until([&] { return other.calls == 1; });
  held.lease.async_request("hang", [alive](std::error_code, const std::string&) { ADD_FAILURE(); });
  pool->async_acquire([alive](std::error_code, const worker_lease&) { ADD_FAILURE(); });
  pool->async_wait_ready(9, [alive](std::error_code) { ADD_FAILURE(); });
  pool->resize(3); // One is being started.
  end_context();
  EXPECT_EQ(alive.use_count(), 1);
  EXPECT_EQ(held.lease.child().id(), -1);
  EXPECT_EQ(run.calls, 0);
  run.calls = 1; // The handler is gone.
}

TEST_P(pooled, what_is_asked_while_the_context_ends_is_dropped)
{
  const auto alive = std::make_shared<int>();
  start_pool(line_worker(), patient());
  first(pool_event_kind::ready);
  std::shared_ptr<void> asks(nullptr, [this, alive](void*) {
    pool->async_wait_ready(9, [alive](std::error_code) { ADD_FAILURE(); });
    pool->async_next_event([alive](std::error_code, const pool_event&) { ADD_FAILURE(); });
  });
  pool->async_wait_ready(9, [asked = std::move(asks)](std::error_code) { ADD_FAILURE(); });
  end_context();
  EXPECT_EQ(alive.use_count(), 1);
  run.calls = 1; // The handler is gone.
}

TEST_P(pooled, the_pool_and_its_leases_may_be_of_a_waiting_handler)
{
  auto owned = std::make_shared<worker_pool>(context(), line_worker(), patient());
  auto got = std::make_shared<leased>();
  owned->async_run([owned, got](std::error_code) {});
  owned->async_acquire([owned, got](std::error_code ec, worker_lease lease) {
    got->ec = ec;
    got->lease = std::move(lease);
    ++got->calls;
  });
  run_until([&] { return got->calls == 1; });
  owned.reset();
  got.reset();
  end_context();
}

#ifdef SUBPROCESS_LINUX_OPTIONS
TEST_P(pooled, workers_end_with_the_program)
{
  pipe_ends ends = make_pipe();
  const pid_t host = ::fork();
  if (host == 0) {
    ::alarm(60);
    start_pool(helper({"ready-then-hang"}).stdout_to(stdio::from_fd(ends.write_end.get())), patient(3));
    context().run();
    ::_exit(1);
  }
  ends.write_end.reset();
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(read_line(ends.read_end.get()), "ready");
  ::kill(host, SIGKILL);
  ::waitpid(host, nullptr, 0);
  ASSERT_TRUE(becomes_readable(ends.read_end.get(), 20s)) << "a worker lives on"; // Alone they live for a minute.
  EXPECT_EQ(read_all(ends.read_end.get()), "");
}
#endif

// ---- coroutines and load ----

TEST_P(pooled, composes_in_coroutines)
{
  using namespace asio::experimental::awaitable_operators;
  make(line_worker(), patient(2));
  std::string text;
  const auto serve = [&]() -> asio::awaitable<void> {
    worker_lease lease = co_await pool->async_acquire(asio::use_awaitable);
    text = co_await lease.async_request("hello", asio::use_awaitable);
    lease.done();
  };
  bool over = false;
  asio::co_spawn(
      context(),
      [&]() -> asio::awaitable<void> {
        co_await (serve() || pool->async_run(asio::use_awaitable));
        over = true;
      },
      [](std::exception_ptr failure) { EXPECT_FALSE(failure); });
  run_until([&] { return over; });
  EXPECT_EQ(text, "re: hello");
  run.calls = 1;
}

TEST_P(pooled, takes_any_executor_and_any_default_token)
{
  using awaited_pool = asio::use_awaitable_t<>::as_default_on_t<worker_pool>;
  awaited_pool awaited(context(), line_worker(), patient());
  basic_worker_pool<asio::io_context::executor_type> typed(context(), line_worker(), patient());
  worker_pool guarded(asio::make_strand(context()), line_worker(), patient());
  worker_pool looped(event_loop(context()), line_worker(), patient());
  int served = 0;
  finished ends[3];
  asio::cancellation_signal stops[3];
  const auto run_one = [&](auto& one, int i) {
    one.async_run(asio::bind_cancellation_slot(stops[i].slot(), ends[i].handler()));
  };
  run_one(typed, 0);
  run_one(guarded, 1);
  run_one(looped, 2);
  const auto ask_one = [&](auto& one) -> asio::awaitable<void> {
    worker_lease lease = co_await one.async_acquire(asio::use_awaitable);
    served += co_await lease.async_request("x", asio::use_awaitable) == "re: x";
    lease.done();
  };
  const auto ask_awaited = [&]() -> asio::awaitable<void> {
    using namespace asio::experimental::awaitable_operators;
    co_await (ask_one(awaited) || awaited.async_run());
  };
  const auto no_failure = [](std::exception_ptr failure) { EXPECT_FALSE(failure); };
  asio::co_spawn(context(), ask_one(typed), no_failure);
  asio::co_spawn(context(), ask_one(guarded), no_failure);
  asio::co_spawn(context(), ask_one(looped), no_failure);
  asio::co_spawn(context(), ask_awaited(), no_failure);
  run_until([&] { return served == 4; });
  for (asio::cancellation_signal& one : stops)
    one.emit(asio::cancellation_type::terminal);
  run_to_end();
  for (const finished& one : ends)
    EXPECT_EQ(one.ec, asio::error::operation_aborted);
}

TEST_P(pooled, serves_from_several_threads)
{
  asio::thread_pool threads(4);
  use_source(threads);
  std::atomic<int> served = 0;
  std::atomic<bool> over = false;
  {
    worker_pool shared(threads, line_worker(), patient(3));
    asio::cancellation_signal end;
    asio::strand<asio::thread_pool::executor_type> guard(threads.get_executor());
    asio::post(guard, [&] {
      shared.async_run(
          asio::bind_executor(guard, asio::bind_cancellation_slot(end.slot(), [&](std::error_code) { over = true; })));
    });
    for (int i = 0; i < 6; ++i)
      asio::co_spawn(
          asio::make_strand(threads),
          [&, i]() -> asio::awaitable<void> {
            for (int n = 0; n < 50; ++n) {
              worker_lease lease = co_await shared.async_acquire(asio::use_awaitable);
              const std::string text = std::to_string(i) + ' ' + std::to_string(n);
              const std::string answer = co_await lease.async_request(text, asio::use_awaitable);
              lease.done();
              served += answer == "re: " + text;
            }
          },
          [](std::exception_ptr failure) { EXPECT_FALSE(failure); });
    EXPECT_TRUE(eventually([&] { return served == 300; }));
    asio::post(guard, [&] { end.emit(asio::cancellation_type::terminal); });
    EXPECT_TRUE(eventually([&] { return over.load(); }));
  }
  threads.join();
}

} // namespace
} // namespace subprocess::tests
