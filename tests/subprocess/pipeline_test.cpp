#include <subprocess/pipeline.hpp> // First: proves it stands alone.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <thread>
#include <vector>


#include "support/deadline.hpp"
#include "support/isolated.hpp"
#include "support/launchers.hpp"
#include "support/pipes.hpp"

namespace subprocess::tests {
namespace {

TEST(pipeline, is_made_with_bars)
{
  const command a("a");
  const command b("b", {"two words"});
  const pipeline joined = a | b;
  ASSERT_EQ(joined.stages().size(), 2u);
  EXPECT_EQ(to_string(joined), "a | b 'two words'");
  EXPECT_EQ(to_string(a | b | command("c")), "a | b 'two words' | c");
  EXPECT_EQ(to_string(command("c") | joined), "c | a | b 'two words'");
  EXPECT_EQ(to_string(joined | joined), "a | b 'two words' | a | b 'two words'");
  EXPECT_EQ(to_string(joined), "a | b 'two words'") << "unchanged";
}

TEST(pipeline, is_built_in_a_loop)
{
  pipeline built;
  EXPECT_EQ(to_string(built), "");
  for (const char* name : {"a", "b", "c"})
    built |= command(name);
  EXPECT_EQ(to_string(built), "a | b | c");
  EXPECT_EQ(to_string(pipeline({command("x"), command("y")})), "x | y");
}

const exit_status good(0);
const exit_status three(3 << 8);
const exit_status killed(SIGKILL);

TEST(pipefail, is_the_last_status_that_is_no_success)
{
  EXPECT_EQ(pipefail({good, good}), good);
  EXPECT_EQ(pipefail({three, good}), three);
  EXPECT_EQ(pipefail({three, killed, good}), killed);
  EXPECT_EQ(pipefail({good, three}), three);
  EXPECT_EQ(pipefail({good, exit_status()}), exit_status()) << "unknown is not successful";
  EXPECT_EQ(pipefail({}), exit_status());
}

TEST(pipefail, of_a_result)
{
  pipeline_result result;
  EXPECT_EQ(result.pipefail(), exit_status());
  EXPECT_EQ(result.status(), exit_status());
  result.stages.resize(2);
  result.stages[0].status = three;
  result.stages[1].status = good;
  EXPECT_EQ(result.pipefail(), three);
  EXPECT_EQ(result.status(), good);
  result.stages[0].status = good;
  EXPECT_EQ(result.pipefail(), good);
}

class running_pipelines : public per_launcher {
protected:
  std::vector<exit_status> statuses_of(const pipeline& what, int expected_error = 0)
  {
    std::error_code ec;
    std::vector<exit_status> statuses = run(what, ec);
    EXPECT_EQ(ec, std::error_code(expected_error, std::system_category())) << ec.message();
    return statuses;
  }
};
SUBPROCESS_FOR_EACH_LAUNCHER(running_pipelines);

TEST_P(running_pipelines, joins_the_stages)
{
  pipe_ends out = make_pipe();
  const std::vector<exit_status> statuses = statuses_of(helper({"echo", "b", "a"}) | program("sort") |
                                                        helper({"cat"}).stdout_to(stdio::from_fd(out.write_end.get())));
  EXPECT_EQ(statuses, (std::vector<exit_status>{good, good, good}));
  out.write_end.reset();
  EXPECT_EQ(read_all(out.read_end.get()), "a\nb\n");
}

TEST_P(running_pipelines, gives_every_status)
{
  EXPECT_EQ(statuses_of(helper({"exit", "0"}) | helper({"exit", "3"}) | helper({"signal", "9"})),
            (std::vector<exit_status>{good, three, killed}));
  EXPECT_EQ(statuses_of(helper({"exit", "3"})), std::vector<exit_status>{three}) << "one stage";
}

TEST_P(running_pipelines, ends_a_stage_whose_reader_has_ended)
{
  const auto statuses = statuses_of(helper({"write", "1", "10000000"}) | helper({"exit", "0"}));
  EXPECT_EQ(statuses[0].signal(), SIGPIPE);
  EXPECT_EQ(statuses[1], good);
}

TEST_P(running_pipelines, gives_a_piped_first_stdin_its_end)
{
  EXPECT_EQ(statuses_of(helper({"cat"}).stdin_from(stdio::pipe()) | helper({"cat"}).stdout_to(stdio::null())),
            (std::vector<exit_status>{good, good}));
}

TEST_P(running_pipelines, lose_what_is_written_where_nobody_reads)
{
  for (const stdio& kind : {stdio::pipe(), stdio::socket(), stdio::pty()}) {
    const auto statuses = statuses_of(helper({"flood", "300000"}).stderr_to(kind) |
                                      helper({"flood", "300000"}).stdout_to(kind).stderr_to(kind));
    EXPECT_EQ(statuses[1], good);
    EXPECT_EQ(statuses_of(helper({"write", "2", "300000"}).stderr_to(kind) | helper({"cat"}))[0], good);
  }
  // One that a stage has left behind writes on, and a later stage waits for it.
  command leaving = program("sh", {"-c", "(head -c 300000 /dev/zero >&2) & exit 0"});
  EXPECT_EQ(statuses_of(leaving.stderr_to(stdio::pipe()) | helper({"cat"})), (std::vector<exit_status>{good, good}));
}

TEST_P(running_pipelines, leaves_nothing_when_a_stage_cannot_be_spawned)
{
  const auto statuses = statuses_of(helper({"hang"}) | program("/nonexistent") | helper({"cat"}), ENOENT);
  EXPECT_EQ(statuses, std::vector<exit_status>(3));
  EXPECT_FALSE(has_children());
  try {
    run(helper({"hang"}) | program("/nonexistent"));
    ADD_FAILURE() << "no exception";
  } catch (const spawn_error& error) {
    EXPECT_EQ(error.program(), "/nonexistent");
    EXPECT_EQ(error.step(), spawn_step::exec);
  }
}

TEST_P(running_pipelines, does_not_wait_for_a_stage_that_it_may_not_kill)
{
  if (::geteuid() != 0)
    GTEST_SKIP() << "needs root";
  const scratch_directory scratch;
  const std::string fifo = scratch / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  ASSERT_EQ(::chmod(fifo.c_str(), 0666), 0);
  isolated([&] {
    pipe_ends in = make_pipe();
    pipe_ends err = make_pipe();
    std::thread other_user([&] { // The whole program becomes one between the stages.
      EXPECT_EQ(read_line(err.read_end.get()), "ready");
      EXPECT_EQ(::setresuid(65534, 65534, 0), 0);
      const unique_fd reader(::open(fifo.c_str(), O_RDONLY | O_CLOEXEC));
      EXPECT_TRUE(reader);
    });
    command first = program("sh", {"-c", "echo ready >&2; exec cat"});
    first.stdin_from(stdio::from_fd(in.read_end.get())).stderr_to(stdio::from_fd(err.write_end.get()));
    std::error_code ec;
    const auto statuses = run(first | program("/nonexistent").stderr_to(stdio::write_file(fifo)), ec);
    other_user.join();
    EXPECT_EQ(ec, std::errc::no_such_file_or_directory);
    EXPECT_EQ(statuses, std::vector<exit_status>(2));
    EXPECT_TRUE(has_children());
    EXPECT_EQ(::setresuid(0, 0, 0), 0);
    in.write_end.reset();
    EXPECT_TRUE(all_children_gone());
  });
}

TEST_P(running_pipelines, refuses_a_stage_that_sets_a_joined_stream)
{
  for (const pipeline& mistaken : {helper({"cat"}).stdout_to(stdio::null()) | helper({"exit", "0"}),
                                   helper({"cat"}) | helper({"exit", "0"}).stdin_from(stdio::null())})
    statuses_of(mistaken, EINVAL);
  try {
    run(program("first") | program("second").stdin_from(stdio::pipe()));
    ADD_FAILURE() << "no exception";
  } catch (const spawn_error& error) {
    EXPECT_EQ(error.program(), "second");
    EXPECT_EQ(error.step(), spawn_step::prepare);
    EXPECT_EQ(error.detail(), "stdin: belongs to the pipeline");
  }
}

TEST_P(running_pipelines, refuses_to_run_nothing)
{
  EXPECT_TRUE(statuses_of(pipeline(), EINVAL).empty());
}

class captured_pipelines : public per_launcher {
protected:
  pipeline_result captured(const pipeline& what, const capture_options& options = {}, int expected_error = 0)
  {
    std::error_code ec;
    pipeline_result result = capture(what, options, ec);
    EXPECT_EQ(ec, std::error_code(expected_error, std::system_category())) << ec.message();
    EXPECT_EQ(result.stages.size(), what.stages().size());
    return result;
  }
};
SUBPROCESS_FOR_EACH_LAUNCHER(captured_pipelines);

TEST_P(captured_pipelines, give_the_last_stdout_and_each_stderr)
{
  const pipeline_result streams = captured(helper({"streams"}) | helper({"stdin-to-stderr"}) | helper({"streams"}));
  EXPECT_EQ(streams.out, "out");
  EXPECT_EQ(streams.stages[0].err, "err");
  EXPECT_EQ(streams.stages[1].err, "out");
  EXPECT_EQ(streams.stages[2].err, "err");
  EXPECT_EQ(streams.pipefail(), good);
  EXPECT_TRUE(streams.stages[0].report);
  EXPECT_EQ(captured(helper({"streams"}) | helper({"cat"}), {.merge_stderr = true}).out, "outerr");
}

TEST_P(captured_pipelines, give_the_first_its_input)
{
  EXPECT_EQ(captured(program("sort") | program("uniq"), {.input = "b\na\nb\n"}).out, "a\nb\n");
  EXPECT_EQ(captured(helper({"fd-kinds", "0"}) | helper({"cat"})).out, "null\n");
}

TEST_P(captured_pipelines, take_any_amount_from_all_stages)
{
  const pipeline_result much =
      captured(helper({"flood", "1000000"}) | helper({"stdin-to-stderr"}) | helper({"flood", "1000000"}));
  EXPECT_EQ(much.out.size(), 1'000'000u);
  for (const captured_output& stage : much.stages)
    EXPECT_EQ(stage.err.size(), 1'000'000u);
}

TEST_P(captured_pipelines, may_have_more_streams_than_descriptors_are_permitted)
{
  isolated([&] {
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    // 22 stages have 66 streams, most of which are not there.
    rlimit low{static_cast<rlim_t>(64), before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
    pipeline much = helper({"echo", "through"});
    for (int i = 1; i < 22; ++i)
      much |= helper({"cat"});
    EXPECT_EQ(captured(much).out, "through\n");
    ::setrlimit(RLIMIT_NOFILE, &before);
  });
}

TEST_P(captured_pipelines, are_read_with_no_descriptors_permitted)
{
  isolated([&] {
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    std::thread lowering([&] {
      pipe_ends never = make_pipe();
      becomes_readable(never.read_end.get(), std::chrono::milliseconds(50)); // Lets the capture begin.
      const rlimit none{0, before.rlim_max};
      ::setrlimit(RLIMIT_NOFILE, &none);
    });
    const std::clock_t cpu = std::clock();
    const captured_output output = capture(program("sh", {"-c", "sleep 0.3; echo a; sleep 0.1; echo b >&2"}));
    lowering.join();
    EXPECT_LT(std::clock() - cpu, CLOCKS_PER_SEC / 10) << "a busy loop";
    ::setrlimit(RLIMIT_NOFILE, &before);
    EXPECT_EQ(output.out, "a\n");
    EXPECT_EQ(output.err, "b\n");
  });
}

TEST_P(captured_pipelines, stop_at_the_limit)
{
  EXPECT_EQ(captured(program("yes") | helper({"cat"}), {.max_bytes = 1000}, ENOBUFS).out.size(), 1000u);
  const pipeline_result exceeded = captured(helper({"hang"}) | helper({"write", "2", "100000"}),
                                            {.max_bytes = 1000, .on_overflow = overflow::kill}, ENOBUFS);
  EXPECT_EQ(exceeded.stages[0].status, exit_status(SIGKILL)) << "it would never have ended";
}

TEST_P(captured_pipelines, keep_what_was_read_when_they_throw)
{
  try {
    capture(helper({"write", "2", "3"}) | helper({"write", "1", "100000"}), {.max_bytes = 1000});
    ADD_FAILURE() << "no exception";
  } catch (const pipeline_capture_error& error) {
    EXPECT_EQ(error.code(), std::error_code(ENOBUFS, std::system_category()));
    const pipeline_capture_error copy = error;
    EXPECT_EQ(copy.result().out.size(), 1000u);
    EXPECT_EQ(copy.result().stages.at(0).err, "eee");
  }
}

TEST_P(captured_pipelines, do_not_wait_for_grandchildren_longer_than_told)
{
  const pipeline_result left = captured(helper({"spawn-grandchild-that-hangs"}) | program("head", {"-n", "1"}),
                                        {.drain_grace = std::chrono::milliseconds(20)});
  EXPECT_TRUE(left.stages[0].left_open) << "its stderr";
  EXPECT_FALSE(left.stages[1].left_open);
  const pid_t grandchild = std::atoi(left.out.c_str());
  ASSERT_GT(grandchild, 0) << left.out;
  ::kill(grandchild, SIGKILL);
}

TEST_P(captured_pipelines, tell_of_a_stage_left_open_before_another_has_ended)
{
  const pipeline_result left =
      captured(helper({"spawn-grandchild-that-hangs"}) | program("sh", {"-c", "head -n 1; exec sleep 0.3"}),
               {.drain_grace = std::chrono::milliseconds(1)});
  EXPECT_TRUE(left.stages[0].left_open) << "its stderr";
  EXPECT_FALSE(left.stages[1].left_open);
  const pid_t grandchild = std::atoi(left.out.c_str());
  ASSERT_GT(grandchild, 0) << left.out;
  ::kill(grandchild, SIGKILL);
}

TEST_P(captured_pipelines, for_which_there_are_no_descriptors_are_an_error)
{
  std::error_code ec;
  const pipeline what = helper({"echo", "x"}) | helper({"cat"});
  EXPECT_EQ(capture(what, ec).out, "x\n");
  EXPECT_FALSE(ec) << ec.message();
  isolated([&] {
    rlimit few{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &few), 0);
    few.rlim_cur = static_cast<rlim_t>(lowest_free());
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    spawn_failure failure;
    capture(what, {.failure = &failure}, ec);
    EXPECT_EQ(ec, std::errc::too_many_files_open);
    EXPECT_EQ(failure.step, spawn_step::pipe);
    EXPECT_EQ(failure.detail, "stdout");
  });
}

TEST_P(captured_pipelines, leave_nothing_when_a_stage_cannot_be_spawned)
{
  const pipeline what = helper({"ignore", "15"}) | program("/nonexistent");
  captured(what, {}, ENOENT);
  EXPECT_FALSE(has_children());
  try {
    capture(what);
    ADD_FAILURE() << "no exception";
  } catch (const spawn_error& error) {
    EXPECT_EQ(error.program(), "/nonexistent");
  }
  captured(pipeline(), {}, EINVAL);
}

} // namespace
} // namespace subprocess::tests
