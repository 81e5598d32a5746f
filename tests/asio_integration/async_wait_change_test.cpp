#include <asio_integration/async_child.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/signal_set.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>

#include <chrono>
#include <csignal>
#include <future>
#include <optional>
#include <vector>

#include "io_fixture.hpp"

namespace subprocess::tests {
namespace {

const child_change stopped{child_event::stopped, SIGSTOP, {}};
const child_change continued{child_event::continued, SIGCONT, {}};

struct change_result {
  int calls = 0;
  std::error_code ec;
  child_change change;

  auto handler()
  {
    return [this](std::error_code e, const child_change& c) {
      ++calls;
      ec = e;
      change = c;
    };
  }
};

class async_wait_change : public io_fixture {
protected:
  child_change next_of(async_child& running)
  {
    change_result result;
    running.async_wait_change(result.handler());
    EXPECT_EQ(result.calls, 0) << "called from within";
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    EXPECT_FALSE(result.ec) << result.ec.message();
    return result.change;
  }

  void end(async_child& running)
  {
    running.kill();
    EXPECT_EQ(end_of(running).signal(), SIGKILL);
  }

  /// Waits until the kernel has it stopped, and takes nothing.
  static void wait_until_stopped(pid_t pid)
  {
    siginfo_t info{};
    EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WSTOPPED | WNOWAIT), 0);
  }
};
SUBPROCESS_FOR_EACH_SETUP(async_wait_change);

TEST_P(async_wait_change, tells_of_a_stop_a_continue_and_the_end)
{
  async_child helper = start({"hang"});
  change_result result;
  helper.async_wait_change(result.handler());
  EXPECT_TRUE(is_busy()) << "it waits";
  EXPECT_EQ(result.calls, 0);
  helper.send_signal(SIGSTOP);
  run_to_end();
  EXPECT_EQ(result.calls, 1);
  EXPECT_EQ(result.change, stopped);
  EXPECT_EQ(helper.status(), std::nullopt) << "stopped is not ended";

  helper.async_wait_change(result.handler());
  EXPECT_TRUE(is_busy());
  helper.send_signal(SIGCONT);
  run_to_end();
  EXPECT_EQ(result.change, continued);

  helper.async_wait_change(result.handler());
  EXPECT_TRUE(is_busy());
  helper.kill();
  run_to_end();
  EXPECT_EQ(result.calls, 3);
  EXPECT_EQ(result.change.event, child_event::ended);
  EXPECT_EQ(result.change.status.signal(), SIGKILL);
  EXPECT_EQ(next_of(helper), result.change) << "and nothing more will happen";
}

TEST_P(async_wait_change, tells_of_what_happened_before_it_began)
{
  async_child helper = start({"hang"});
  helper.send_signal(SIGSTOP);
  wait_until_stopped(helper.id());
  EXPECT_EQ(next_of(helper), stopped);
  helper.send_signal(SIGCONT);
  EXPECT_EQ(next_of(helper), continued);
  end(helper);
}

TEST_P(async_wait_change, tells_everyone_who_waits)
{
  async_child helper = start({"hang"});
  async_child other = start({"hang"});
  change_result results[3];
  change_result none;
  for (change_result& result : results)
    helper.async_wait_change(result.handler());
  other.async_wait_change(none.handler());
  EXPECT_TRUE(is_busy());
  helper.send_signal(SIGSTOP);
  run_until([&] { return results[0].calls && results[1].calls && results[2].calls; });
  for (const change_result& result : results)
    EXPECT_EQ(result.change, stopped);
  EXPECT_EQ(none.calls, 0) << "that is another child";
  end(helper);
  end(other);
  run_to_end();
  EXPECT_EQ(none.change.event, child_event::ended);
}

TEST_P(async_wait_change, goes_beside_a_wait_for_the_end)
{
  async_child helper = start({"hang"});
  wait_result wait;
  change_result change;
  helper.async_wait(wait.handler());
  helper.async_wait_change(change.handler());
  helper.send_signal(SIGSTOP);
  run_until([&] { return change.calls == 1; });
  EXPECT_EQ(change.change, stopped);
  EXPECT_EQ(wait.calls, 0);
  helper.kill();
  run_to_end();
  EXPECT_EQ(wait.status.signal(), SIGKILL);
}

TEST_P(async_wait_change, finds_what_no_signal_tells_of)
{
  isolated_loop([&] {
    async_child helper = start({"hang"});
    change_result result;
    helper.async_wait_change(result.handler());
    EXPECT_TRUE(is_busy());
    std::signal(SIGCHLD, SIG_DFL); // The host takes the handler away.
    helper.send_signal(SIGSTOP);
    run_until([&] { return result.calls == 1; });
    EXPECT_EQ(result.change, stopped);
    helper.kill();
  });
}

TEST_P(async_wait_change, listens_only_while_somebody_waits)
{
  if (GetParam().source == reaper_source::sigchld)
    GTEST_SKIP() << "it listens always";
  isolated_loop([&] {
    const auto is_default = [] {
      struct sigaction now;
      ::sigaction(SIGCHLD, nullptr, &now);
      return now.sa_handler == SIG_DFL;
    };
    async_child helper = start({"hang"});
    change_result result;
    helper.async_wait_change(result.handler());
    EXPECT_TRUE(is_busy());
    EXPECT_FALSE(is_default());
    helper.send_signal(SIGSTOP);
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    EXPECT_TRUE(is_default());
    asio::cancellation_signal cancel;
    helper.async_wait_change(asio::bind_cancellation_slot(cancel.slot(), result.handler()));
    EXPECT_TRUE(is_busy());
    EXPECT_FALSE(is_default());
    cancel.emit(asio::cancellation_type::total);
    EXPECT_FALSE(is_busy());
    EXPECT_EQ(result.calls, 2);
    EXPECT_TRUE(is_default());
    helper.kill();
  });
}

// Without signals each would take a second.
TEST_P(async_wait_change, hears_by_the_signal)
{
  async_child helper = start({"hang"});
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 12; ++i) {
    change_result result;
    helper.async_wait_change(result.handler());
    EXPECT_TRUE(is_busy());
    helper.send_signal(i % 2 == 0 ? SIGSTOP : SIGCONT);
    run_to_end();
    EXPECT_EQ(result.change, i % 2 == 0 ? stopped : continued);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(6));
  helper.kill();
}

TEST_P(async_wait_change, leaves_blocking_calls_of_the_host_alone)
{
  async_child helper = start({"hang"});
  change_result result;
  helper.async_wait_change(result.handler());
  EXPECT_TRUE(is_busy());
  struct sigaction now;
  ASSERT_EQ(::sigaction(SIGCHLD, nullptr, &now), 0);
  EXPECT_TRUE(now.sa_flags & SA_RESTART);
  EXPECT_FALSE(now.sa_flags & SA_NOCLDSTOP);
  end(helper);
}

TEST_P(async_wait_change, lives_beside_signal_sets_of_the_host)
{
  async_child helper = start({"hang"});
  asio::signal_set host(context(), SIGCHLD);
  int heard = 0;
  host.async_wait([&](std::error_code ec, int) { heard += !ec; });
  change_result result;
  helper.async_wait_change(result.handler());
  EXPECT_TRUE(is_busy());
  helper.send_signal(SIGSTOP);
  run_until([&] { return result.calls == 1 && heard == 1; });
  host.async_wait([&](std::error_code ec, int) { heard += !ec; });
  end(helper);
  run_until([&] { return heard == 2; }); // Our end of listening was not its own.
}

TEST_P(async_wait_change, cancelled_takes_nothing_and_can_be_tried_again)
{
  async_child helper = start({"hang"});
  for (const auto type :
       {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
    asio::cancellation_signal cancel;
    change_result result;
    helper.async_wait_change(asio::bind_cancellation_slot(cancel.slot(), result.handler()));
    EXPECT_TRUE(type == asio::cancellation_type::total || is_busy()) << "or before it has begun";
    cancel.emit(type);
    EXPECT_EQ(result.calls, 0) << "called from within";
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    EXPECT_EQ(result.ec, asio::error::operation_aborted);
  }
  helper.send_signal(SIGSTOP);
  EXPECT_EQ(next_of(helper), stopped);
  end(helper);
}

TEST_P(async_wait_change, cancelled_while_a_change_is_on_its_way_loses_none)
{
  for (int handlers = 0; handlers < 12; ++handlers) {
    async_child helper = start({"hang"});
    asio::cancellation_signal cancel;
    change_result result;
    helper.async_wait_change(asio::bind_cancellation_slot(cancel.slot(), result.handler()));
    EXPECT_TRUE(is_busy());
    helper.send_signal(SIGSTOP);
    wait_until_stopped(helper.id());
    for (int i = 0; i < handlers; ++i)
      context().poll_one();
    cancel.emit(asio::cancellation_type::total);
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    EXPECT_EQ(result.ec ? next_of(helper) : result.change, stopped) << "after " << handlers << " handlers";
    end(helper);
  }
}

TEST_P(async_wait_change, tells_that_there_is_no_child)
{
  change_result result;
  async_child none;
  asio::io_context elsewhere;
  none.async_wait_change(asio::bind_executor(elsewhere, result.handler()));
  EXPECT_EQ(result.calls, 0);
  elsewhere.run_for(patience);
  EXPECT_EQ(result.ec, std::errc::invalid_argument);

  async_child stolen = start({"hang"});
  const pid_t pid = stolen.id();
  stolen.async_wait_change(result.handler());
  ::kill(pid, SIGKILL);
  ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
  run_to_end();
  EXPECT_EQ(result.calls, 2);
  EXPECT_EQ(result.ec, std::errc::no_child_process);
}

TEST_P(async_wait_change, goes_on_when_the_object_is_moved_or_destroyed)
{
  change_result result;
  {
    async_child helper = start({"hang"});
    helper.async_wait_change(result.handler());
    EXPECT_TRUE(is_busy());
    const async_child moved = std::move(helper);
  }
  run_to_end();
  EXPECT_EQ(result.change.event, child_event::ended);
  EXPECT_EQ(result.change.status.signal(), SIGKILL);
}

TEST_P(async_wait_change, whose_context_ends_calls_no_handler)
{
  for (const int handlers : {0, 1, 100}) {
    async_child helper = start({"hang"});
    change_result result;
    auto alive = std::make_shared<int>();
    const std::weak_ptr<int> seen = alive;
    helper.async_wait_change([h = result.handler(), a = std::move(alive)](auto... args) { h(args...); });
    context().restart();
    for (int i = 0; i < handlers; ++i)
      context().poll_one();
    helper.send_signal(SIGSTOP);
    wait_until_stopped(helper.id());
    helper = {};
    end_context();
    EXPECT_EQ(result.calls, 0);
    EXPECT_TRUE(seen.expired());
  }
}

TEST_P(async_wait_change, may_be_forgotten_by_a_fork_of_the_program)
{
  async_child helper = start({"hang"});
  change_result result;
  helper.async_wait_change(result.handler());
  EXPECT_TRUE(is_busy());
  asio::signal_set signals(context(), SIGCHLD);
  EXPECT_TRUE(in_fork([&] {
                helper = {};
                end_context();
                EXPECT_EQ(result.calls, 0);
              }).success());
  bool heard = false; // By the signal itself: the watch has a tick as well.
  signals.async_wait([&](std::error_code ec, int) { heard = !ec; });
  helper.send_signal(SIGSTOP);
  run_until([&] { return heard && result.calls == 1; });
  EXPECT_EQ(result.change, stopped);
  helper.kill();
}

// What was made after everything else of the context, and so goes first.
class last_service final : public asio::execution_context::service {
public:
  inline static asio::execution_context::id id;

  explicit last_service(asio::execution_context& context) : service(context) {}

private:
  void shutdown() override {}
};

TEST_P(async_wait_change, goes_on_in_a_fork_that_goes_on_with_the_context)
{
  async_child helper = start({"hang"});
  change_result of_parent;
  helper.async_wait_change(of_parent.handler());
  EXPECT_TRUE(is_busy());
  context().notify_fork(asio::execution_context::fork_prepare);
  EXPECT_TRUE(in_fork([&] {
                context().notify_fork(asio::execution_context::fork_child);
                helper = {};
                async_child own = start({"hang"});
                own.send_signal(SIGSTOP);
                change_result result;
                own.async_wait_change(result.handler());
                run_until([&] { return result.calls == 1; });
                EXPECT_EQ(result.change, stopped);
                // Its handlers go while all services are there.
                asio::use_service<last_service>(context());
                bool is_early = false;
                std::shared_ptr<void> goes(nullptr, [&is_early, loop = &context()](void*) {
                  is_early = asio::has_service<last_service>(*loop);
                });
                own.async_wait_change([gone = std::move(goes)](std::error_code, const child_change&) {});
                own = {};
                end_context();
                EXPECT_TRUE(is_early);
              }).success());
  context().notify_fork(asio::execution_context::fork_parent);
  helper.kill();
  run_until([&] { return of_parent.calls == 1; });
  EXPECT_EQ(of_parent.change.event, child_event::ended);
}

TEST_P(async_wait_change, completes_on_the_strand_it_is_bound_to)
{
  async_child helper = start({"hang"});
  const auto strand = asio::make_strand(context());
  bool done = false;
  helper.async_wait_change(asio::bind_executor(strand, [&](std::error_code, const child_change&) {
    EXPECT_TRUE(strand.running_in_this_thread());
    done = true;
  }));
  helper.send_signal(SIGSTOP);
  run_to_end();
  EXPECT_TRUE(done);
  end(helper);
}

TEST_P(async_wait_change, works_on_several_threads)
{
  asio::thread_pool pool(2);
  use_source(pool);
  std::vector<async_child> children;
  std::vector<std::promise<child_change>> told(20);
  for (auto& each : told) {
    children.push_back(spawn(pool, helper({"hang"})));
    children.back().async_wait_change([&each](std::error_code, const child_change& change) { each.set_value(change); });
  }
  for (async_child& each : children)
    each.send_signal(SIGSTOP);
  for (auto& each : told) {
    auto change = each.get_future();
    ASSERT_EQ(change.wait_for(patience), std::future_status::ready);
    EXPECT_EQ(change.get(), stopped);
  }
  children.clear();
  pool.join();
}

} // namespace
} // namespace subprocess::tests
