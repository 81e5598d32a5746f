// The event loop in hosts that do as they please with descriptors and forks: the same
// promises as of the blocking calls, by the asynchronous ones.

#include <asio_integration/asio_integration.hpp>

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <asio/post.hpp>
#include <asio/read.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <subprocess/pipeline.hpp>

#include "io_fixture.hpp"
#include "support/descriptor_table.hpp"
#include "support/forking_host.hpp"
#include "support/fresh_program.hpp"
#include "support/hostile_hooks.hpp"
#include "support/random_host.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

class hostile_loop : public io_fixture {
protected:
  void hosted(const std::function<void()>& body)
  {
    isolated_loop([&] {
      ::alarm(15);
      body();
    });
  }

  /// What an async_run gives, which has to succeed.
  exit_status run_on_loop(const command& what)
  {
    wait_result result;
    async_run(context(), what, result.handler());
    run_to_end();
    EXPECT_FALSE(result.ec) << to_string(what) << ": " << result.ec.message();
    return result.status;
  }

  std::string output_on_loop(const command& what)
  {
    capture_result result;
    async_capture(context(), what, result.handler());
    run_to_end();
    EXPECT_FALSE(result.ec) << to_string(what) << ": " << result.ec.message();
    return result.output.out;
  }

  /// What a child has that gets no stream but the parent's.
  std::string inherited()
  {
    const std::string report = scratch.file("report", "");
    EXPECT_TRUE(run_on_loop(helper({"report-fds", report})).success());
    return content_of(report);
  }

  scratch_directory scratch;
};
SUBPROCESS_FOR_EACH_SETUP(hostile_loop);

// Descriptors.

TEST_P(hostile_loop, that_lost_its_standard_streams_keeps_its_own_descriptors_from_its_children)
{
  hosted([&] {
    asio::post(context(), [] {});
    run_to_end(); // Asio has its descriptors, the library none yet.
    ::close(0);
    for (int i = 0; i < 2; ++i) {
      EXPECT_NE(inherited().substr(0, 2), "0 ");
      EXPECT_EQ(::fcntl(0, F_GETFD), -1) << "in the parent";
    }
  });
}

TEST_P(hostile_loop, made_without_standard_streams_is_not_woken_by_its_children)
{
  hosted([&] {
    ::close(0);
    asio::io_context loop; // One of its own descriptors is 0 now.
    asio::steady_timer far(loop, 1h);
    far.async_wait([](std::error_code) {});
    std::thread turning([&] { loop.run(); });
    std::atomic<bool> turns = false;
    asio::post(loop, [&] { turns = true; });
    EXPECT_TRUE(eventually([&] { return turns.load(); })); // It waits for its wake-up from now on.
    std::error_code ec;
    run(helper({"cat"}).stdout_to(stdio::null()), ec); // Reads its stdin, if it has one.
    std::atomic<bool> ran = false;
    asio::post(loop, [&] {
      ran = true;
      loop.stop();
    });
    EXPECT_TRUE(eventually([&] { return ran.load(); }, 3s)) << "somebody took the loop's wake-up";
    loop.stop();
    turning.join();
  });
}

TEST_P(hostile_loop, started_without_standard_streams_leaves_its_children_without_them)
{
  if (tried_in_fresh_program([] { ::close(0); }))
    return;
  for (int i = 0; i < 3; ++i) {
    EXPECT_NE(inherited().substr(0, 2), "0 ");
    EXPECT_EQ(output_on_loop(helper({"cat"}).stdin_from(stdio::from_string("given"))), "given");
  }
}

TEST_P(hostile_loop, started_without_standard_streams_leaves_their_numbers_free)
{
  if (tried_in_fresh_program([] { ::close(0); }))
    return;
  const auto is_free = [] { return ::fcntl(0, F_GETFD) == -1; };
  EXPECT_TRUE(is_free()) << "by a pipe of an empty child"; // The fixture has asked for one.
  {
    asio::io_context loop;
    use_source(loop);
    worker_pool pool(loop, helper({"line-worker"}));
    pool.async_run([](std::error_code) {});
    EXPECT_TRUE(is_free()) << "by a pool";
  }
  async_child running = start({"hang"});
  running.async_wait_change([](std::error_code, const child_change&) {});
  EXPECT_TRUE(is_free()) << "by a wait for changes";
  running.kill();
  run_to_end();
}

TEST_P(hostile_loop, that_has_no_descriptors_left_tells_so_to_who_runs_a_pool)
{
  hosted([&] {
    asio::io_context loop; // Asio has none yet.
    use_source(loop);
    worker_pool pool(loop, helper({"line-worker"}));
    rlimit number;
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &number), 0);
    rlimit none = number;
    none.rlim_cur = 3;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    std::error_code told;
    EXPECT_NO_THROW(pool.async_run([&](std::error_code ec) { told = ec; }));
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &number), 0);
    loop.run_for(patience);
    EXPECT_EQ(told, std::errc::too_many_files_open);
  });
}

// A debugger may have its children stop at any time, and hears of that itself.
TEST_P(hostile_loop, that_traces_a_child_is_not_told_of_a_stop_as_of_an_end)
{
  if (GetParam().which != launcher::fork)
    GTEST_SKIP() << "hooks need fork";
  command what = helper({"hang"});
  what.pre_exec([] {
    return ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == -1 ? std::error_code(errno, std::system_category())
                                                               : std::error_code();
  });
  async_child traced = start(what);
  wait_result end;
  traced.async_wait(end.handler());
  siginfo_t stop{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(traced.id()), &stop, WEXITED | WNOWAIT), 0);
  ASSERT_EQ(stop.si_code, CLD_TRAPPED);
  for (int turns = 0; turns < 10; ++turns)
    context().poll();
  EXPECT_EQ(end.calls, 0);
  EXPECT_NO_THROW(traced.kill());
  run_to_end();
  EXPECT_EQ(end.status.signal(), SIGKILL);
}

TEST_P(hostile_loop, whose_host_closes_what_it_does_not_know_keeps_what_that_opens_then)
{
  hosted([&] {
    EXPECT_EQ(output_on_loop(helper({"echo", "hello"})), "hello\n");
    end_context(); // Its descriptors are Asio's.
    close_the_unknown();
    context();
    std::vector<pipe_ends> own;
    for (int i = 0; i < 35; ++i)
      own.push_back(make_pipe());
    const auto before = descriptor_table();
    for (int i = 0; i < 2; ++i) {
      const unique_fd high = pipe_with("mapped", 100);
      EXPECT_EQ(output_on_loop(helper({"fd-read", "5"}).map_fd(high.get(), 5)), "mapped");
      run_on_loop(helper({"exit", "0"}).stdin_from(stdio::null()));
    }
    const auto now = descriptor_table();
    for (const pipe_ends& ends : own)
      for (const int fd : {ends.read_end.get(), ends.write_end.get()})
        EXPECT_TRUE(now.contains(fd) && now.at(fd) == before.at(fd)) << fd;
  });
}

TEST_P(hostile_loop, gives_children_what_a_slow_model_says_whatever_the_map)
{
  hosted([&] {
    constexpr int limit = 512;
    context();
    rlimit number;
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &number), 0);
    number.rlim_cur = limit;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &number), 0);
    run_on_loop(helper({"exit", "0"}));
    const std::string report = scratch / "report";
    for (unsigned seed = 10000; seed < 10000 + static_cast<unsigned>(rounds(60)) && !HasFailure(); ++seed) {
      const random_host host(scratch, seed, limit);
      scratch.file("report", "");
      command what = helper({"report-fds", report});
      host.apply(what);
      wait_result result;
      async_run(context(), what, result.handler());
      run_to_end();
      EXPECT_FALSE(result.ec) << result.ec.message() << "\n" << host.story();
      EXPECT_EQ(content_of(report), host.expected()) << host.story();
    }
  });
}

// What the command owns.

TEST_P(hostile_loop, closes_what_a_command_owned_whose_launch_failed)
{
  const command failing[] = {
      program("/nonexistent"),
      helper({"exit", "0"}).current_dir("/nonexistent"),
      helper({"exit", "0"}).stdin_from(stdio::read_file(scratch / "nowhere")),
      helper({"exit", "0"}).map_fd(9999, 20),
  };
  for (const command& base : failing) {
    pipe_ends ends = make_pipe();
    wait_result result;
    async_run(context(), command(base).stdout_to(stdio::from_fd(std::move(ends.write_end))), result.handler());
    run_to_end();
    EXPECT_TRUE(result.ec);
    EXPECT_TRUE(becomes_readable(ends.read_end.get(), 1s)) << to_string(base);
  }
}

TEST_P(hostile_loop, closes_what_a_command_owned_for_which_there_is_no_process)
{
  if (::geteuid() != 0)
    GTEST_SKIP() << "needs root, to become one who may have none";
  hosted([&] {
    run_on_loop(helper({"exit", "0"}));
    ASSERT_EQ(::setgroups(0, nullptr), 0);
    ASSERT_EQ(::setgid(64351), 0);
    ASSERT_EQ(::setuid(64351), 0);
    const rlimit none{0, 0};
    ASSERT_EQ(::setrlimit(RLIMIT_NPROC, &none), 0);
    pipe_ends ends = make_pipe();
    wait_result result;
    async_run(context(),
              command("/bin/true").use_launcher(GetParam().which).stdout_to(stdio::from_fd(std::move(ends.write_end))),
              result.handler());
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    EXPECT_EQ(result.ec.value(), EAGAIN) << result.ec.message();
    EXPECT_TRUE(becomes_readable(ends.read_end.get(), 1s)) << "its reader waits for ever";
  });
}

TEST_P(hostile_loop, hands_the_rest_of_a_stream_on_to_a_child_for_which_it_blocks)
{
  async_child first = start(helper({"cat"}).stdin_from(stdio::pipe()).stdout_to(stdio::pipe()));
  asio::write(first.stdin_pipe(), asio::buffer("header\n", 7));
  char head[7];
  std::string modes;
  asio::async_read(first.stdout_pipe(), asio::buffer(head), [&](std::error_code, std::size_t) {
    unique_fd stream(first.stdout_pipe().release()); // The loop has made it non-blocking.
    async_capture(context(), helper({"fd-modes", "0", "1"}).stdin_from(stdio::from_fd(std::move(stream))),
                  [&](std::error_code, captured_output output) { modes = output.out; });
  });
  run_to_end();
  EXPECT_EQ(modes, "blocking\nblocking\n");
  first.stdin_pipe().close();
  EXPECT_TRUE(end_of(first).success());
}

// The verdict.

TEST_P(hostile_loop, has_no_success_made_of_a_failure_by_a_hook)
{
  if (GetParam().which == launcher::clone)
    GTEST_SKIP() << "hooks are for the other launcher";
  hosted([&] {
    for (const hostile_hook& hook : hostile_hooks()) {
      SCOPED_TRACE(hook.name);
      const auto hooked = [&](command what) {
        what.stdin_from(stdio::null()).stdout_to(stdio::null()).stderr_to(stdio::null());
        return what.pre_exec(hook.run);
      };
      wait_result fine;
      async_run(context(), hooked(helper({"exit", "0"})), fine.handler());
      run_to_end();
      EXPECT_EQ(fine.ec.value(), kernel_marks_the_exec || hook.leaves_descriptors ? 0 : EBADF) << fine.ec.message();
      wait_result missing;
      async_run(context(), hooked(program("/nonexistent")), missing.handler());
      std::error_code spawn_ec;
      async_spawn(context(), hooked(program("/nonexistent")), [&](std::error_code ec, async_child) { spawn_ec = ec; });
      capture_result captured;
      async_capture(context(), hooked(program("/nonexistent")), captured.handler());
      run_to_end();
      EXPECT_TRUE(missing.ec) << "async_run";
      EXPECT_TRUE(spawn_ec) << "async_spawn";
      EXPECT_TRUE(captured.ec) << "async_capture";
      spawn(context(), hooked(program("/nonexistent")), spawn_ec);
      EXPECT_TRUE(spawn_ec) << "spawn";
    }
  });
}

// Hosts that fork.

class forking_loop : public hostile_loop {
protected:
  const int workers = rounds(80);
};
SUBPROCESS_FOR_EACH_SETUP(forking_loop);

TEST_P(forking_loop, waits_for_no_worker_to_start_programs)
{
  forking_host host(workers);
  host.meanwhile([&] {
    int told = 0;
    for (int i = 0; i < 8; ++i)
      async_spawn(context(), helper({"exit", "0"}), [&](std::error_code ec, async_child) {
        EXPECT_FALSE(ec) << ec.message();
        ++told;
      });
    run_to_end();
    EXPECT_EQ(told, 8);
  });
}

TEST_P(forking_loop, waits_for_no_worker_to_tell_how_they_end)
{
  forking_host host(workers);
  host.meanwhile([&] {
    EXPECT_EQ(run_on_loop(helper({"exit", "3"})).code(), 3);
    async_child now = start({"exit", "4"});
    EXPECT_EQ(end_of(now).code(), 4);
    wait_result missing;
    async_run(context(), program("/nonexistent"), missing.handler());
    run_to_end();
    EXPECT_EQ(missing.ec.value(), ENOENT);
  });
}

TEST_P(forking_loop, sees_the_end_of_what_they_write)
{
  forking_host host(workers);
  host.meanwhile([&] {
    EXPECT_EQ(output_on_loop(helper({"echo", "hello"})), "hello\n");
    std::string out;
    async_pipeline(context(), helper({"echo", "hello"}) | helper({"cat"}),
                   [&](std::error_code, pipeline_result result) { out = result.out; });
    run_to_end();
    EXPECT_EQ(out, "hello\n");
  });
}

TEST_P(forking_loop, keeps_its_limits)
{
  forking_host host(workers);
  host.meanwhile([&] {
    wait_result run;
    async_run(context(), helper({"hang"}), {.limit = 20ms}, run.handler());
    capture_result captured;
    async_capture(context(), helper({"hang"}), {.limit = 20ms}, captured.handler());
    run_to_end();
    EXPECT_EQ(run.ec, std::errc::timed_out) << run.ec.message();
    EXPECT_EQ(captured.ec, std::errc::timed_out) << captured.ec.message();
  });
}

TEST_P(forking_loop, of_a_daemon_goes_on_after_its_fork)
{
  const command what = GetParam().which == launcher::fork
                           ? helper({"exit", "3"}).pre_exec([] { return std::error_code(); })
                           : helper({"exit", "3"});
  run_on_loop(what); // Threads that launch are there from now on; a fork has none.
  context().notify_fork(asio::execution_context::fork_prepare);
  const exit_status status = in_worker([&] {
    context().notify_fork(asio::execution_context::fork_child);
    int told = 0;
    for (const bool limited : {false, true}) {
      async_run(context(), what, {.limit = limited ? time_limit(5s) : time_limit()},
                [&](std::error_code ec, exit_status end) { told += !ec && end.code() == 3; });
      context().restart();
      context().run_for(3s);
    }
    return 2 - told;
  });
  context().notify_fork(asio::execution_context::fork_parent);
  EXPECT_TRUE(status.success()) << status;
  EXPECT_EQ(run_on_loop(what).code(), 3);
}

TEST_P(forking_loop, can_be_made_in_a_fork_while_another_thread_launches)
{
  // Asio has one list of signal sets for the program, and in the copy it has the other
  // thread's loop in it, whose lock that thread may have held.
  if (reaper_in_use(context()) == reaper_source::sigchld)
    GTEST_SKIP() << "Asio's signal sets do not outlive a fork beside other threads";
  std::atomic<bool> over = false;
  std::thread other([&] {
    while (!over)
      run_on_loop(helper({"exit", "0"}));
  });
  for (int i = 0; i < workers / 4; ++i) {
    const exit_status status = in_worker([&] {
      asio::io_context own;
      use_source(own);
      int told = 0;
      async_run(own, helper({"exit", "3"}),
                [&](std::error_code ec, exit_status end) { told += !ec && end.code() == 3; });
      own.run_for(5s);
      return 1 - told;
    });
    EXPECT_TRUE(status.success()) << "worker " << i << ": " << status;
    if (!status.success())
      break;
  }
  over = true;
  other.join();
}

} // namespace
} // namespace subprocess::tests
