#include <gtest/gtest.h>
#include <sys/resource.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>

#include <csignal>
#include <cstdlib>

#include <asio_integration/async_capture.hpp>
#include <asio_integration/async_run.hpp>
#include <asio_integration/async_spawn.hpp>
#include <subprocess/stop_sequence.hpp>

#include "io_fixture.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

class stop_by_sequence : public io_fixture {
protected:
  // The shell leads a group; the other member outlives it unless it is killed.
  // Its output ends when both are gone.
  async_child start_group(const std::string& script)
  {
    async_child leader = start(program("/bin/sh", {"-c", script}).process_group(0).stdout_to(stdio::pipe()));
    EXPECT_EQ(read_line(leader.stdout_pipe().native_handle()), "ready");
    return leader;
  }
};
SUBPROCESS_FOR_EACH_SETUP(stop_by_sequence);

TEST_P(stop_by_sequence, takes_the_steps_in_their_order)
{
  async_child helper = start_ready({"ignore", std::to_string(SIGTERM)});
  wait_result result;
  helper.async_stop(stop_sequence{{SIGTERM, 20ms}, {SIGINT, 1h}}, result.handler());
  run_to_end();
  EXPECT_EQ(result.calls, 1);
  EXPECT_EQ(result.status.signal(), SIGINT);
}

TEST_P(stop_by_sequence, ends_in_sigkill)
{
  async_child helper = start_ready({"ignore", std::to_string(SIGTERM), std::to_string(SIGINT)});
  wait_result result;
  helper.async_stop(stop_sequence{{SIGTERM, 10ms}, {SIGINT, 10ms}}, result.handler());
  run_to_end();
  EXPECT_EQ(result.status.signal(), SIGKILL);
}

TEST_P(stop_by_sequence, without_steps_kills)
{
  async_child helper = start_ready({"trap", std::to_string(SIGTERM)});
  wait_result result;
  helper.async_stop(stop_sequence(), result.handler());
  run_to_end();
  EXPECT_EQ(result.status.signal(), SIGKILL);
}

TEST_P(stop_by_sequence, of_a_group_reaches_all_of_it_and_leaves_none)
{
  // The other one is deaf to SIGTERM; when the leader ends by it, it is killed.
  async_child leader = start_group("(trap '' TERM; echo ready; exec sleep 50) & wait");
  wait_result result;
  leader.async_stop(stop_sequence{{SIGTERM, 1h}}.of_group(), result.handler());
  run_to_end();
  EXPECT_EQ(result.status.signal(), SIGTERM);
  EXPECT_EQ(read_all(leader.stdout_pipe().native_handle()), ""); // Comes to its end: nobody is left.
}

TEST_P(stop_by_sequence, of_a_group_is_refused_where_the_library_made_none)
{
  async_child helper = start_ready({"ready-then-hang"});
  wait_result result;
  helper.async_stop(stop_sequence{{SIGTERM, 1h}}.of_group(), result.handler());
  run_to_end();
  EXPECT_EQ(result.ec, std::errc::invalid_argument);
  EXPECT_EQ(helper.status(), std::nullopt);
  std::error_code ec;
  helper.kill_group(SIGTERM, ec);
  EXPECT_EQ(ec, std::errc::invalid_argument);
  helper.kill();
  EXPECT_EQ(end_of(helper).signal(), SIGKILL);
}

TEST_P(stop_by_sequence, of_a_group_that_is_cancelled_kills_no_more)
{
  async_child leader = start_group("trap '' TERM; (echo ready; exec sleep 50) & wait; exec sleep 50");
  asio::cancellation_signal cancel;
  wait_result result;
  leader.async_stop(stop_sequence{{SIGURG, 1h}}.of_group(),
                    asio::bind_cancellation_slot(cancel.slot(), result.handler()));
  EXPECT_TRUE(is_busy());
  cancel.emit(asio::cancellation_type::total);
  run_to_end();
  EXPECT_EQ(result.ec, asio::error::operation_aborted);
  EXPECT_EQ(leader.status(), std::nullopt);
  leader.kill_group(SIGKILL);
  EXPECT_EQ(end_of(leader).signal(), SIGKILL);
  EXPECT_EQ(read_all(leader.stdout_pipe().native_handle()), "");
}

TEST_P(stop_by_sequence, that_is_cancelled_at_any_time_completes_once_and_spares_the_child)
{
  async_child helper = start({"hang"});
  for (int handlers = 0; handlers < 8; ++handlers) {
    asio::cancellation_signal cancel;
    wait_result result;
    helper.async_stop(stop_sequence{{SIGURG, 1h}}, asio::bind_cancellation_slot(cancel.slot(), result.handler()));
    context().restart();
    for (int i = 0; i < handlers; ++i)
      context().poll_one();
    cancel.emit(asio::cancellation_type::terminal);
    cancel.emit(asio::cancellation_type::total);
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    EXPECT_EQ(result.ec, asio::error::operation_aborted);
    EXPECT_EQ(helper.status(), std::nullopt);
  }
  wait_result last;
  asio::cancellation_signal late;
  helper.async_stop(stop_sequence(), asio::bind_cancellation_slot(late.slot(), last.handler()));
  run_to_end();
  late.emit(asio::cancellation_type::total); // After the end.
  run_to_end();
  EXPECT_EQ(last.calls, 1);
  EXPECT_EQ(last.status.signal(), SIGKILL);
}

TEST_P(stop_by_sequence, whose_context_ends_calls_no_handler)
{
  for (const int handlers : {0, 1, 100}) {
    async_child helper = start_ready({"ignore", std::to_string(SIGTERM)});
    wait_result result;
    helper.async_stop(stop_sequence{{SIGTERM, 1h}}, result.handler());
    context().restart();
    for (int i = 0; i < handlers; ++i)
      context().poll_one();
    helper = {};
    end_context();
    EXPECT_EQ(result.calls, 0);
  }
}

TEST_P(stop_by_sequence, kill_tree_is_refused_without_a_cgroup)
{
  std::error_code ec;
  async_child().kill_tree(ec);
  EXPECT_EQ(ec, std::errc::invalid_argument);
  async_child helper = start_ready({"ready-then-hang"});
  helper.kill_tree(ec);
  EXPECT_EQ(ec, std::errc::invalid_argument);
  EXPECT_THROW(helper.kill_tree(), std::system_error);
}

TEST_P(stop_by_sequence, kill_tree_is_for_the_childs_cgroup_also_after_its_end)
{
  const scratch_directory cgroup; // Looks like one, as far as we touch it.
  cgroup.file("cgroup.procs", "");
  const std::string file = cgroup.file("cgroup.kill", "");
  std::error_code ec;
  async_child ended;
  async_spawn(context(), helper({"exit", "0"}).cgroup(cgroup.path()), [&](std::error_code e, async_child made) {
    ec = e;
    ended = std::move(made);
  });
  run_to_end();
  if (ec == std::errc::operation_not_supported)
    GTEST_SKIP() << "no cgroups here";
  ASSERT_FALSE(ec) << ec.message();
  EXPECT_TRUE(end_of(ended).success());
  ended.kill_tree();
  EXPECT_EQ(content_of(file), "1");
}

TEST_P(stop_by_sequence, kill_group_is_refused_once_the_leader_is_reaped)
{
  async_child leader = start_group("echo ready; exec sleep 50");
  leader.kill_group(SIGTERM);
  EXPECT_EQ(end_of(leader).signal(), SIGTERM);
  std::error_code ec;
  leader.kill_group(SIGKILL, ec);
  EXPECT_EQ(ec, std::errc::invalid_argument);
  async_child().kill_group(SIGKILL, ec);
  EXPECT_EQ(ec, std::errc::invalid_argument);
}

TEST_P(stop_by_sequence, is_how_a_cancelled_run_ends)
{
  for (const auto type : {asio::cancellation_type::partial, asio::cancellation_type::total}) {
    reached_cat cat = this->cat();
    cat.what.stop_with(stop_sequence{{SIGTERM, 1h}}.of_group()).process_group(0);
    asio::cancellation_signal cancel;
    wait_result result;
    async_run(context(), cat.what, asio::bind_cancellation_slot(cancel.slot(), result.handler()));
    EXPECT_TRUE(is_busy());
    run_until([&] { // The spawn is over: cat answers.
      static_cast<void>(::write(cat.input.get(), "x\n", 2));
      return becomes_readable(cat.output.get(), 1ms);
    });
    cancel.emit(type);
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    EXPECT_EQ(result.ec, asio::error::operation_aborted);
  }
}

long pages_of_reaped_children()
{
  rusage used{};
  ::getrusage(RUSAGE_CHILDREN, &used);
  return used.ru_minflt;
}

TEST_P(stop_by_sequence, is_cut_short_for_a_capture_when_only_a_grandchild_holds_the_stream)
{
  asio::cancellation_signal cancel;
  std::error_code ec;
  int calls = 0;
  captured_output output;
  const long before = pages_of_reaped_children();
  async_capture(context(), helper({"spawn-grandchild-that-hangs"}),
                asio::bind_cancellation_slot(cancel.slot(), [&](std::error_code e, captured_output o) {
                  ++calls;
                  ec = e;
                  output = std::move(o);
                }));
  // Its whole life may pass in one turn of the loop, but a child that is reaped leaves
  // what it has used.
  run_until([&] { return pages_of_reaped_children() > before && !has_children(); });
  EXPECT_EQ(calls, 0);
  cancel.emit(asio::cancellation_type::total);
  run_to_end();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(ec, asio::error::operation_aborted);
  const int grandchild = std::atoi(output.out.c_str());
  ASSERT_GT(grandchild, 0); // Zero would be our own group.
  ::kill(grandchild, SIGKILL);
}

} // namespace
} // namespace subprocess::tests
