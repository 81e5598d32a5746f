// The event loop where the newer system calls are refused, and where there is nothing to
// be had for a moment: see the same of the blocking calls.

#include <asio_integration/asio_integration.hpp>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_future.hpp>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <future>
#include <string>
#include <vector>

#include <subprocess/pipeline.hpp>

#include "io_fixture.hpp"
#include "pool_fixture.hpp"
#include "support/descriptor_table.hpp"
#include "support/fresh_program.hpp"
#include "support/refused_calls.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

/// What every program on a loop relies on.
class loop_trial {
public:
  explicit loop_trial(launcher which) : which_(which) {}

  void expect_all_to_work()
  {
    EXPECT_EQ(run(asked({"exit", "3"})).code(), 3);
    EXPECT_EQ(output_of(asked({"echo", "hello"})), "hello\n");
    EXPECT_EQ(output_of(asked({"cat"}).stdin_from(stdio::from_string("given"))), "given");
    EXPECT_EQ(output_of(asked({"cat"}), {.input = "given"}), "given");
    const unique_fd a = pipe_with("A", 70);
    EXPECT_EQ(output_of(asked({"fd-read", "7"}).map_fd(a.get(), 7)), "A");
    expect_pipelines_to_work();
    expect_kills_to_work();
    expect_errors();
  }

  void expect_limit_to_hold(std::chrono::microseconds limit)
  {
    wait_result limited;
    async_run(loop_, asked({"hang"}), {.limit = limit}, limited.handler());
    turn();
    EXPECT_EQ(limited.ec, std::errc::timed_out) << limited.ec.message();
  }

private:
  command asked(std::initializer_list<std::string_view> verb) const { return helper(verb).use_launcher(which_); }

  void turn()
  {
    loop_.restart();
    loop_.run_for(5s);
    EXPECT_TRUE(loop_.stopped()) << "something still waits";
  }

  exit_status run(const command& what)
  {
    wait_result result;
    async_run(loop_, what, result.handler());
    turn();
    EXPECT_FALSE(result.ec) << to_string(what) << ": " << result.ec.message();
    return result.status;
  }

  std::string output_of(const command& what, const capture_options& options = {})
  {
    capture_result result;
    async_capture(loop_, what, options, result.handler());
    turn();
    EXPECT_FALSE(result.ec) << to_string(what) << ": " << result.ec.message();
    return result.output.out;
  }

  void expect_pipelines_to_work()
  {
    std::string out;
    async_pipeline(loop_, asked({"echo", "hello"}) | asked({"cat"}), [&](std::error_code ec, pipeline_result result) {
      EXPECT_FALSE(ec) << ec.message();
      out = result.out;
    });
    turn();
    EXPECT_EQ(out, "hello\n");
  }

  void expect_kills_to_work()
  {
    async_child hanging;
    async_spawn(loop_, asked({"hang"}), [&](std::error_code ec, async_child child) {
      EXPECT_FALSE(ec) << ec.message();
      hanging = std::move(child);
    });
    turn();
    if (hanging.id() == -1)
      return;
    wait_result result;
    hanging.async_wait(result.handler());
    std::error_code ec;
    hanging.kill(ec);
    EXPECT_FALSE(ec) << "kill: " << ec.message();
    if (ec)
      ::kill(hanging.id(), SIGKILL);
    turn();
    EXPECT_EQ(result.status.signal(), SIGKILL) << result.ec.message();
  }

  void expect_errors()
  {
    expect_limit_to_hold(10ms);
    wait_result missing;
    async_run(loop_, command("/nonexistent").use_launcher(which_), missing.handler());
    turn();
    EXPECT_EQ(missing.ec.value(), ENOENT) << missing.ec.message();
  }

  launcher which_;
  asio::io_context loop_;
};

void expect_loops_to_work()
{
  for (const launcher which : {launcher::automatic, launcher::fork}) {
    SCOPED_TRACE(which == launcher::fork ? "by fork" : "by what there is");
    loop_trial(which).expect_all_to_work();
  }
  EXPECT_TRUE(all_children_gone());
}

class loop_fallback : public baseline, public ::testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(error, loop_fallback, ::testing::Values(ENOSYS, EPERM),
                         [](const auto& error) { return std::string(error.param == ENOSYS ? "ENOSYS" : "EPERM"); });

TEST_P(loop_fallback, is_there_for_each_call_alone_and_for_all_together)
{
  for_each_refusal(refused_alone_and_together(), GetParam(), [](const refused_calls&) { expect_loops_to_work(); });
}

TEST_P(loop_fallback, is_there_for_every_two_calls)
{
  for_each_refusal(refused_in_pairs(), GetParam(), [](const refused_calls&) { expect_loops_to_work(); });
}

// It is killed before it could ask the kernel to tell of its end.
TEST_P(loop_fallback, lets_a_limit_pass_at_any_moment_of_a_launch)
{
  const std::vector<refused_calls> sets = {
      {{SYS_clone3, SYS_waitid}, "clone3 and waitid"},
      {{SYS_clone3, SYS_waitid, SYS_pidfd_open}, "clone3, waitid and pidfd_open"},
  };
  for_each_refusal(sets, GetParam(), [](const refused_calls&) {
    const int moments = rounds(60);
    for (int i = 0; i < moments; ++i)
      loop_trial(launcher::fork).expect_limit_to_hold(std::chrono::microseconds(6000 * i / moments));
    EXPECT_TRUE(all_children_gone());
  });
}

// No fixture: it would launch before the test does.
TEST(transient_lack_on_a_loop, of_descriptors_at_the_first_launch_decides_nothing)
{
  constexpr const char* how_many = "SUBPROCESS_TEST_FREE_DESCRIPTORS";
  constexpr const char* usual = "SUBPROCESS_TEST_USUAL_ROADS"; // As a process has them that lacks nothing.
  for (int free = 0; free < 8; ++free) {
    const bool done = tried_in_fresh_program([&] {
      ::setenv(how_many, std::to_string(free).c_str(), 1);
      const std::string roads{is_available(reaper_source::pidfd) ? 'p' : 's',
                              why_unavailable(launcher::clone) ? 'f' : 'c'};
      ::setenv(usual, roads.c_str(), 1);
    });
    if (done)
      continue;
    const std::string roads = std::getenv(usual);
    const rlimit few{128, 128};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    asio::io_context loop;
    asio::steady_timer(loop, 0s).async_wait([](std::error_code) {});
    loop.run(); // Asio has its descriptors.
    loop.restart();
    std::vector<unique_fd> all = take_all_descriptors();
    all.resize(all.size() - static_cast<std::size_t>(std::atoi(std::getenv(how_many))));
    wait_result first;
    async_run(loop, helper({"exit", "3"}), first.handler());
    loop.run_for(5s);
    EXPECT_EQ(first.calls, 1);
    EXPECT_TRUE(!first.ec || first.ec.value() == EMFILE) << first.ec.message();

    all.clear();
    loop_trial(launcher::automatic).expect_all_to_work();
    asio::io_context later;
    for (asio::io_context* one : {&loop, &later})
      EXPECT_EQ(reaper_in_use(*one), roads[0] == 'p' ? reaper_source::pidfd : reaper_source::sigchld);
    async_child child = spawn(loop, helper({"exit", "3"}));
    EXPECT_EQ(child.launcher_used(), roads[1] == 'c' ? launcher::clone : launcher::fork);
    wait_result end;
    child.async_wait(end.handler());
    loop.restart();
    loop.run_for(5s);
    EXPECT_EQ(end.status.code(), 3);
    return;
  }
}

TEST(transient_lack_on_a_loop, of_descriptors_for_a_worker_is_told_by_its_pool)
{
  if (tried_in_fresh_program())
    return;
  asio::io_context loop;
  worker_pool pool(loop, helper({"line-worker"}), patient());
  asio::cancellation_signal end;
  finished whole;
  pool.async_run(asio::bind_cancellation_slot(end.slot(), whole.handler()));
  const auto told = [&](pool_event_kind kind) {
    pool_event found;
    for (const deadline limit(patience); found.kind != kind && !limit.passed();) {
      auto next = pool.async_next_event(asio::use_future);
      while (next.wait_for(0s) == std::future_status::timeout && !limit.passed())
        loop.run_one_for(100ms);
      found = next.get();
    }
    EXPECT_EQ(found.kind, kind);
    return found;
  };
  const pid_t worker = told(pool_event_kind::ready).pid;
  const rlimit few{128, 128};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  std::vector<unique_fd> all = take_all_descriptors();
  ASSERT_EQ(::kill(worker, SIGKILL), 0);
  EXPECT_EQ(told(pool_event_kind::died).pid, worker);
  const std::vector<unique_fd> its_own = take_all_descriptors();
  EXPECT_EQ(told(pool_event_kind::spawn_failed).error, code_of(EMFILE));
  EXPECT_EQ(whole.calls, 0);

  all.clear(); // Which is enough.
  told(pool_event_kind::ready);
  end.emit(asio::cancellation_type::terminal);
  loop.run_for(patience);
  EXPECT_EQ(whole.calls, 1);
}

using given_input = io_fixture;
SUBPROCESS_FOR_EACH_SETUP(given_input);

// Where files may not grow so far, SIGXFSZ would end who makes the file.
TEST_P(given_input, beyond_the_limit_of_files_arrives_or_is_a_clear_error)
{
  isolated_loop([&] {
    const rlimit small{1 << 20, 1 << 20};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    const std::string input(2 << 20, 'x');
    std::error_code ec;
    const captured_output blocking = capture(helper({"cat"}), {.input = input}, ec);
    EXPECT_TRUE(ec ? ec.value() == EFBIG : blocking.out == input) << ec.message() << ", " << blocking.out.size();
    capture_result result;
    async_capture(context(), helper({"cat"}), {.input = input}, result.handler());
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    EXPECT_TRUE(result.ec ? result.ec.value() == EFBIG : result.output.out == input)
        << result.ec.message() << ", " << result.output.out.size();
    capture_result within;
    async_capture(context(), helper({"cat"}).stdin_from(stdio::from_string(input.substr(1 << 20))), within.handler());
    run_to_end();
    EXPECT_EQ(within.output.out.size(), std::size_t(1) << 20) << within.ec.message();
  });
}

} // namespace
} // namespace subprocess::tests
