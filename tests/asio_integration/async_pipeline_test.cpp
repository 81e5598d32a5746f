#include <asio_integration/async_pipeline.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/thread_pool.hpp>

#include <cerrno>
#include <csignal>
#include <thread>

#include <asio_integration/async_run.hpp>

#include "io_fixture.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

struct piped {
  int calls = 0;
  std::error_code ec;
  pipeline_result result;
  spawn_failure failure;

  auto handler()
  {
    return [this](std::error_code e, pipeline_result r) {
      ++calls;
      ec = e;
      result = std::move(r);
    };
  }
};

const exit_status good(0);

class async_pipelines : public io_fixture {
protected:
  piped outcome(const pipeline& what, capture_options options = {})
  {
    piped given;
    options.failure = &given.failure;
    given.failure.detail = "left over";
    async_pipeline(context().get_executor(), what, options, given.handler());
    EXPECT_EQ(given.calls, 0) << "called from within";
    run_to_end();
    EXPECT_EQ(given.calls, 1);
    EXPECT_EQ(given.result.stages.size(), what.stages().size());
    return given;
  }

  pipeline_result result_of(const pipeline& what, const capture_options& options = {})
  {
    piped given = outcome(what, options);
    EXPECT_FALSE(given.ec) << given.ec.message();
    EXPECT_FALSE(given.failure);
    EXPECT_EQ(given.failure.detail, "");
    return std::move(given.result);
  }

  /// Returns when what was started before is past its spawn.
  void let_spawns_settle()
  {
    bool ended = false;
    async_run(context(), helper({"exit", "0"}), [&](std::error_code, exit_status) { ended = true; });
    run_until([&] { return ended; });
  }

  void run_until_readable(const unique_fd& end)
  {
    run_until([&] { return becomes_readable(end.get(), 0ns); });
  }
};
SUBPROCESS_FOR_EACH_SETUP(async_pipelines);

// ---- streams ----

TEST_P(async_pipelines, join_the_stages)
{
  const pipeline_result sorted = result_of(helper({"echo", "b", "a", "b"}) | program("sort") | program("uniq"));
  EXPECT_EQ(sorted.out, "a\nb\n");
  EXPECT_EQ(sorted.pipefail(), good);
  for (const captured_output& stage : sorted.stages) {
    EXPECT_EQ(stage.status, good);
    EXPECT_TRUE(stage.report);
    EXPECT_EQ(stage.out + stage.err, "");
  }
  EXPECT_EQ(result_of(helper({"streams"})).out, "out") << "one stage";
}

TEST_P(async_pipelines, take_any_amount)
{
  pipeline much = helper({"write", "1", "3000000"});
  for (int i = 0; i < 10; ++i)
    much |= helper({"cat"});
  EXPECT_TRUE(result_of(much).out == std::string(3'000'000, 'o'));
}

TEST_P(async_pipelines, keep_each_stderr_apart)
{
  const pipeline_result streams = result_of(helper({"streams"}) | helper({"stdin-to-stderr"}) | helper({"streams"}));
  EXPECT_EQ(streams.stages[0].err, "err");
  EXPECT_EQ(streams.stages[1].err, "out");
  EXPECT_EQ(streams.stages[2].err, "err");
  EXPECT_EQ(streams.out, "out");
}

TEST_P(async_pipelines, merge_each_stderr_into_its_stdout)
{
  const pipeline_result merged = result_of(helper({"streams"}) | helper({"cat"}), {.merge_stderr = true});
  EXPECT_EQ(merged.out, "outerr");
  EXPECT_EQ(merged.stages[0].err, "");
}

TEST_P(async_pipelines, give_no_input_unless_told)
{
  EXPECT_EQ(result_of(helper({"fd-kinds", "0", "1", "2"}) | helper({"cat"})).out, "null\npipe\npipe\n");
  EXPECT_EQ(result_of(helper({"cat"}).stdin_from(stdio::pipe()) | helper({"cat"})).out, "");
  EXPECT_EQ(result_of(program("sort") | helper({"cat"}), {.input = "b\na\n"}).out, "a\nb\n");
}

TEST_P(async_pipelines, leave_alone_what_the_stages_set)
{
  scratch_directory scratch;
  const pipeline_result set = result_of(
      helper({"fd-read", "0"}).stdin_from(stdio::read_file(scratch.file("in", "text"))).stderr_to(stdio::null()) |
      helper({"cat"}).stdout_to(stdio::write_file(scratch / "out")));
  EXPECT_EQ(set.out, "");
  EXPECT_EQ(content_of(scratch / "out"), "text");
  EXPECT_EQ(result_of(helper({"streams"}).stderr_to(stdio::to_stdout()) | helper({"cat"})).out, "outerr");
}

TEST_P(async_pipelines, let_go_of_the_pipes_when_the_stages_have_them)
{
  // The first has no end, unless nobody can read any more.
  const pipeline_result early = result_of(program("yes") | helper({"exit", "0"}));
  EXPECT_EQ(early.stages[0].status.signal(), SIGPIPE) << "a status, no error";
  EXPECT_EQ(early.pipefail().signal(), SIGPIPE);
  EXPECT_EQ(early.status(), good);
}

// ---- failures ----

TEST_P(async_pipelines, give_every_status)
{
  const pipeline_result failed = result_of(helper({"exit", "3"}) | helper({"signal", "15"}) | helper({"cat"}));
  EXPECT_EQ(failed.stages[0].status.code(), 3);
  EXPECT_EQ(failed.stages[1].status.signal(), SIGTERM);
  EXPECT_EQ(failed.status(), good);
  EXPECT_EQ(failed.pipefail().signal(), SIGTERM);
}

TEST_P(async_pipelines, are_killed_when_a_stage_cannot_be_spawned)
{
  const command deaf = helper({"ignore", std::to_string(SIGTERM)});
  const command missing = program("/nonexistent");
  for (const pipeline& what : {deaf | missing | deaf, missing | deaf | deaf, deaf | deaf | missing}) {
    const piped failed = outcome(what);
    EXPECT_EQ(failed.ec, std::errc::no_such_file_or_directory);
    EXPECT_EQ(failed.failure.code, failed.ec);
    EXPECT_EQ(failed.failure.program, "/nonexistent");
    EXPECT_EQ(failed.failure.step, spawn_step::exec);
    EXPECT_FALSE(has_children());
  }
}

TEST_P(async_pipelines, refuse_a_stage_that_sets_a_joined_stream)
{
  const piped output = outcome(program("first").stdout_to(stdio::null()) | program("second"));
  EXPECT_EQ(output.ec, std::error_code(EINVAL, std::system_category()));
  EXPECT_EQ(output.failure.step, spawn_step::prepare);
  EXPECT_EQ(output.failure.program, "first");
  EXPECT_EQ(output.failure.detail, "stdout: belongs to the pipeline");

  const piped input = outcome(program("first") | program("second").stdin_from(stdio::pipe()) | program("third"));
  EXPECT_EQ(input.failure.context(), "spawn \"second\": prepare stdin: belongs to the pipeline");
  EXPECT_EQ(outcome(pipeline()).ec, std::error_code(EINVAL, std::system_category()));
}

TEST_P(async_pipelines, stop_at_the_limit)
{
  const pipeline endless = program("yes") | helper({"cat"});
  const piped failed = outcome(endless, {.max_bytes = 1000});
  EXPECT_EQ(failed.ec, std::error_code(ENOBUFS, std::system_category()));
  EXPECT_EQ(failed.result.out.size(), 1000u);

  const piped killed =
      outcome(helper({"hang"}) | helper({"write", "2", "100000"}), {.max_bytes = 1000, .on_overflow = overflow::kill});
  EXPECT_EQ(killed.ec, std::error_code(ENOBUFS, std::system_category()));
  const exit_status hung = killed.result.stages[0].status; // Unknown when the limit came before its exec.
  EXPECT_TRUE(hung == exit_status() || hung.signal() == SIGKILL) << "it would never have ended: " << hung;

  const piped cut =
      outcome(helper({"flood", "500000"}) | helper({"cat"}), {.max_bytes = 1000, .on_overflow = overflow::truncate});
  EXPECT_FALSE(cut.ec);
  EXPECT_EQ(cut.result.out, std::string(1000, 'o'));
  EXPECT_EQ(cut.result.stages[0].err_dropped, 499000u);
}

// ---- cancellation ----

TEST_P(async_pipelines, cancelled_gently_end_each_stage_in_its_own_way)
{
  for (const auto type : {asio::cancellation_type::partial, asio::cancellation_type::total}) {
    pipe_ends out = make_pipe();
    asio::cancellation_signal cancel;
    piped given;
    async_pipeline(context(),
                   helper({"trap-and-tell", std::to_string(SIGTERM)}) |
                       helper({"pass-on-then-hang"})
                           .stdout_to(stdio::from_fd(std::move(out.write_end)))
                           .stop_with({{SIGINT, std::chrono::hours(1)}}),
                   asio::bind_cancellation_slot(cancel.slot(), given.handler()));
    run_until_readable(out.read_end); // Both run: the second has passed on that the first is ready.
    let_spawns_settle();
    EXPECT_EQ(given.calls, 0);
    cancel.emit(type);
    run_to_end();
    EXPECT_EQ(given.calls, 1);
    EXPECT_EQ(given.ec, asio::error::operation_aborted);
    ASSERT_EQ(given.result.stages.size(), 2u);
    EXPECT_EQ(given.result.stages[0].status.code(), 100 + SIGTERM);
    EXPECT_EQ(given.result.stages[0].err, "caught " + std::to_string(SIGTERM) + "\n");
    EXPECT_EQ(given.result.stages[1].status.signal(), SIGINT);
    EXPECT_FALSE(has_children());
  }
}

TEST_P(async_pipelines, cancelled_twice_are_killed_and_give_the_output_so_far)
{
  pipe_ends aside = make_pipe();
  asio::cancellation_signal cancel;
  piped given;
  async_pipeline(context(),
                 helper({"ignore", std::to_string(SIGTERM)}) |
                     helper({"write-then-hang", "1", "100000", "3", "1"}).map_fd(aside.write_end.get(), 3),
                 asio::bind_cancellation_slot(cancel.slot(), given.handler()));
  run_until_readable(aside.read_end);
  let_spawns_settle();
  cancel.emit(asio::cancellation_type::terminal);
  cancel.emit(asio::cancellation_type::terminal);
  run_to_end();
  EXPECT_EQ(given.calls, 1);
  EXPECT_EQ(given.ec, asio::error::operation_aborted);
  ASSERT_EQ(given.result.stages.size(), 2u);
  const exit_status first = given.result.stages[0].status; // Unknown when it was not yet at its exec.
  EXPECT_TRUE(first == exit_status() || first.signal()) << first;
  EXPECT_TRUE(given.result.stages[1].status.signal()) << "SIGTERM, or SIGKILL if that came first";
  EXPECT_TRUE(given.result.out == std::string(100'000, 'o')) << given.result.out.size();
}

TEST_P(async_pipelines, cancelled_at_any_time_leave_nothing)
{
  for (int handlers = 0; handlers < 24; handlers += 1 + handlers / 8) {
    asio::cancellation_signal cancel;
    piped given;
    async_pipeline(context(), helper({"hang"}) | helper({"cat"}) | helper({"hang"}),
                   asio::bind_cancellation_slot(cancel.slot(), given.handler()));
    context().restart();
    for (int i = 0; i < handlers; ++i)
      context().run_one_for(10ms);
    cancel.emit(handlers % 2 ? asio::cancellation_type::terminal : asio::cancellation_type::total);
    run_to_end();
    EXPECT_EQ(given.calls, 1);
    EXPECT_EQ(given.ec, asio::error::operation_aborted);
    EXPECT_FALSE(has_children());
  }
}

TEST_P(async_pipelines, end_when_the_time_is_up)
{
  exit_status first; // Unknown while the time is too short for it to reach its exec.
  EXPECT_TRUE(given_enough_time(50ms, [&](time_limit limit) {
    const piped late = outcome(helper({"hang"}) | helper({"cat"}), {.limit = limit});
    EXPECT_EQ(late.ec, std::error_code(ETIMEDOUT, std::system_category()));
    first = late.result.stages[0].status;
    return first != exit_status();
  }));
  EXPECT_EQ(first.signal(), SIGTERM);
  EXPECT_FALSE(has_children());

  const piped passed = outcome(helper({"hang"}) | helper({"cat"}), {.limit = 0ms});
  EXPECT_EQ(passed.ec, std::error_code(ETIMEDOUT, std::system_category()));

  EXPECT_FALSE(outcome(helper({"exit", "0"}) | helper({"cat"}), {.limit = std::chrono::hours(1)}).ec);
}

// ---- the end of the context, executors ----

TEST_P(async_pipelines, end_with_the_context)
{
  for (const int handlers : {0, 1, 3, 8, 16}) {
    piped given;
    async_pipeline(context(), helper({"hang"}) | helper({"cat"}) | helper({"cat"}), given.handler());
    context().restart();
    for (int i = 0; i < handlers; ++i)
      context().run_one_for(10ms);
    end_context();
    EXPECT_EQ(given.calls, 0);
    EXPECT_TRUE(all_children_gone());
  }
}

TEST_P(async_pipelines, complete_on_the_handlers_executor)
{
  asio::thread_pool pool(1);
  std::thread::id ran_on;
  async_pipeline(context(), helper({"streams"}) | helper({"cat"}),
                 asio::bind_executor(pool, [&](std::error_code ec, const pipeline_result& result) {
                   ran_on = std::this_thread::get_id();
                   EXPECT_FALSE(ec);
                   EXPECT_EQ(result.out, "out");
                 }));
  run_to_end();
  pool.join();
  EXPECT_NE(ran_on, std::thread::id());
  EXPECT_NE(ran_on, std::this_thread::get_id());
}

} // namespace
} // namespace subprocess::tests
