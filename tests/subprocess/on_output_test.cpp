// capture_options::on_output in blocking captures.

#include <subprocess/output_line.hpp>

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>

#include <subprocess/capture.hpp>
#include <subprocess/pipeline.hpp>

#include "support/baseline.hpp"
#include "support/deadline.hpp"
#include "support/launchers.hpp"
#include "support/pipes.hpp"
#include "support/seen_output.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

class seen_while_captured : public per_launcher {};
SUBPROCESS_FOR_EACH_LAUNCHER(seen_while_captured);

TEST_P(seen_while_captured, is_each_stream_whole_and_in_order)
{
  seen_output seen;
  const captured_output small = capture(helper({"streams"}), {.on_output = seen.sink()});
  EXPECT_EQ(seen.out, "out");
  EXPECT_EQ(seen.err, "err");
  EXPECT_EQ(small.out + small.err, "outerr") << "and it is kept";

  seen = {};
  const captured_output large = capture(helper({"flood", "3000000"}), {.on_output = seen.sink()});
  EXPECT_TRUE(seen.out == large.out && seen.out.size() == 3'000'000);
  EXPECT_TRUE(seen.err == large.err && seen.err.size() == 3'000'000);
  EXPECT_GT(seen.calls, 2);

  seen = {};
  capture(helper({"streams"}), {.merge_stderr = true, .on_output = seen.sink()});
  EXPECT_EQ(seen.out, "outerr");
  EXPECT_EQ(seen.err, "");

  seen = {};
  capture(helper({"exit", "0"}), {.on_output = seen.sink()});
  EXPECT_EQ(seen.calls, 0);
}

// The child does not end before it is answered.
TEST_P(seen_while_captured, comes_while_the_child_runs)
{
  pipe_ends answers = make_pipe();
  const auto answer = [&](output_stream, std::string_view) { answers.write_end.reset(); };
  const command sh = program("sh", {"-c", "echo question; cat"}).stdin_from(stdio::from_fd(answers.read_end.get()));
  const captured_output output = capture(sh, {.limit = patience, .on_output = answer});
  EXPECT_TRUE(output.status.success());
}

TEST_P(seen_while_captured, is_also_what_the_limit_drops)
{
  const command count = program("seq", {"1", "100000"});
  const std::string all = capture(count).out;
  for (const overflow policy : {overflow::truncate, overflow::keep_ends}) {
    seen_output seen;
    const captured_output kept = capture(count, {.max_bytes = 20, .on_overflow = policy, .on_output = seen.sink()});
    EXPECT_EQ(kept.out.size(), 20u);
    EXPECT_TRUE(seen.out == all) << seen.out.size();
  }

  seen_output seen;
  std::error_code ec;
  const captured_output cut =
      capture(count, {.max_bytes = 100, .on_overflow = overflow::kill, .on_output = seen.sink()}, ec);
  EXPECT_EQ(ec, std::errc::no_buffer_space);
  EXPECT_EQ(seen.out.size(), cut.out.size() + cut.out_dropped);
}

TEST_P(seen_while_captured, is_also_what_is_left_when_nobody_waits_any_more)
{
  for (int i = 0; i < 20; ++i) {
    seen_output seen;
    const captured_output output =
        capture(helper({"spawn-grandchild-that-hangs"}), {.drain_grace = 0ms, .on_output = seen.sink()});
    EXPECT_EQ(seen.out, output.out);
    const pid_t grandchild = std::atoi(output.out.c_str());
    ASSERT_GT(grandchild, 0) << output.out;
    ::kill(grandchild, SIGKILL);
  }
}

TEST_P(seen_while_captured, is_not_what_a_child_says_to_a_terminal_beside_its_pipes)
{
  seen_output seen;
  capture(program("sh", {"-c", "echo secret > /dev/tty; echo text"}).stdin_from(stdio::pty()),
          {.on_output = seen.sink()});
  EXPECT_EQ(seen.out + seen.err, "text\n");
}

TEST_P(seen_while_captured, may_be_refused_and_leaves_no_child)
{
  pid_t child = 0;
  int calls = 0;
  const auto refuse = [&](output_stream, std::string_view) {
    ++calls;
    child = children().at(0);
    throw refused();
  };
  EXPECT_THROW(capture(helper({"ready-then-hang"}), {.on_output = refuse}), refused);
  EXPECT_FALSE(is_our_child(child)) << "reaped";
  std::error_code ec;
  EXPECT_THROW(capture(helper({"ignore", "15"}), {.on_output = refuse}, ec), refused);
  EXPECT_FALSE(has_children());
  EXPECT_EQ(calls, 2) << "once for each";
}

TEST_P(seen_while_captured, may_be_refused_when_the_child_is_being_stopped)
{
  const auto refuse = [](output_stream from, std::string_view) {
    if (from == output_stream::err)
      throw refused();
  };
  EXPECT_TRUE(given_enough_time(20ms, [&](auto limit) {
    try {
      capture(helper({"tell", "15"}), {.limit = limit, .on_output = refuse});
    } catch (const refused&) {
      EXPECT_FALSE(has_children());
      return true;
    } catch (const spawn_error&) { // It was not ready yet.
    }
    return false;
  }));
}

// The pipe ends when everyone in the group is gone.
TEST_P(seen_while_captured, may_be_refused_and_leaves_nothing_of_a_group)
{
  pipe_ends held = make_pipe();
  const auto refuse = [](output_stream, std::string_view) { throw refused(); };
  const command group = program("sh", {"-c", "sleep 1000 & echo ready; wait"})
                            .process_group(0)
                            .map_fd(held.write_end.get(), 7)
                            .stop_with(stop_sequence::gentle(1s).of_group());
  EXPECT_THROW(capture(group, {.on_output = refuse}), refused);
  held.write_end.reset();
  EXPECT_EQ(read_all(held.read_end.get()), "");
}

class seen_of_pipelines : public per_launcher {};
SUBPROCESS_FOR_EACH_LAUNCHER(seen_of_pipelines);

TEST_P(seen_of_pipelines, is_the_last_stdout_and_each_stderr)
{
  seen_output seen;
  const pipeline_result result =
      capture(helper({"streams"}) | helper({"stdin-to-stderr"}) | helper({"echo", "end"}), {.on_output = seen.sink()});
  EXPECT_EQ(seen.out, "end\n");
  EXPECT_TRUE(seen.err == "errout" || seen.err == "outerr") << seen.err;
  EXPECT_EQ(result.out, "end\n");
}

TEST_P(seen_of_pipelines, may_be_refused_and_leaves_no_stage)
{
  int calls = 0;
  const auto refuse = [&](output_stream, std::string_view) {
    ++calls;
    throw refused();
  };
  const pipeline endless = helper({"ignore", "15"}) | helper({"cat"}) | helper({"cat"});
  EXPECT_THROW(capture(endless, {.on_output = refuse}), refused);
  EXPECT_FALSE(has_children());
  EXPECT_EQ(calls, 1);
}

} // namespace
} // namespace subprocess::tests
