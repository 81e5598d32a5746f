// Hosts that fork, without exec, before, while and after they launch programs: servers
// with workers, daemons, other libraries. A fork has copies of what was open and locked
// at that moment, and may live for ever.

#include <subprocess/spawn.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <string>
#include <thread>

#include <subprocess/pipeline.hpp>

#include "support/deadline.hpp"
#include "support/forking_host.hpp"
#include "support/launchers.hpp"
#include "support/pipes.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

class host_that_forks : public per_launcher {
protected:
  /// 0 when a launch with a pipe works.
  int launch() const
  {
    std::error_code ec;
    const exit_status status = run(helper({"exit", "0"}).stdout_to(stdio::pipe()), ec);
    return ec ? 1 : !status.success() * 2;
  }

  /// Workers that are forked while `work` goes on in another thread; each launches.
  template <class Work>
  void launch_in_workers(int count, Work work) const
  {
    std::atomic<bool> over = false;
    std::thread other([&] {
      while (!over)
        work();
    });
    for (int i = 0; i < count; ++i) {
      const exit_status status = in_worker([&] { return launch(); });
      EXPECT_TRUE(status.success()) << "worker " << i << ": " << status;
      if (!status.success())
        break;
    }
    over = true;
    other.join();
  }

  const int workers = rounds(120);
};
SUBPROCESS_FOR_EACH_LAUNCHER(host_that_forks);

TEST_P(host_that_forks, workers_waits_for_none_of_them_to_start_a_program)
{
  forking_host host(workers);
  host.meanwhile([&] {
    std::error_code ec;
    EXPECT_TRUE(run(helper({"exit", "0"}), ec).success());
    EXPECT_FALSE(ec) << ec.message();
  });
}

TEST_P(host_that_forks, workers_waits_for_none_of_them_to_tell_a_failure)
{
  forking_host host(workers);
  host.meanwhile(
      [&] { EXPECT_EQ(failure_of(program("/nonexistent").stdin_from(stdio::pipe())).code.value(), ENOENT); });
}

TEST_P(host_that_forks, workers_sees_the_end_of_what_its_programs_write)
{
  forking_host host(workers);
  host.meanwhile([&] { EXPECT_EQ(output_of({"echo", "hello"}), "hello\n"); });
}

TEST_P(host_that_forks, workers_sees_the_end_of_what_a_pipeline_writes)
{
  forking_host host(workers);
  host.meanwhile([&] {
    std::error_code ec;
    EXPECT_EQ(capture(helper({"echo", "hello"}) | helper({"cat"}), {}, ec).out, "hello\n");
    EXPECT_FALSE(ec) << ec.message();
  });
}

TEST_P(host_that_forks, workers_gives_its_programs_the_end_of_their_input)
{
  forking_host host(workers);
  host.meanwhile([&] {
    std::error_code ec;
    EXPECT_TRUE(run(helper({"cat"}).stdin_from(stdio::pipe()).stdout_to(stdio::null()), ec).success());
    EXPECT_FALSE(ec) << ec.message();
  });
}

TEST_P(host_that_forks, workers_keeps_its_limits)
{
  forking_host host(workers);
  host.meanwhile([&] {
    std::error_code ec;
    run(helper({"hang"}), {.limit = 20ms}, ec);
    EXPECT_EQ(ec, std::errc::timed_out) << ec.message();
  });
}

TEST_P(host_that_forks, can_launch_in_the_fork_too)
{
  launch();
  launch_in_workers(5, [] { ::poll(nullptr, 0, 1); });
}

TEST_P(host_that_forks, can_launch_in_the_fork_while_another_thread_launches)
{
  launch_in_workers(workers, [&] { launch(); });
}

TEST_P(host_that_forks, can_launch_in_the_fork_while_another_thread_fails_to_launch)
{
  launch_in_workers(workers / 2, [&] {
    std::error_code ec;
    run(program("/nonexistent").stdin_from(stdio::pipe()).stdout_to(stdio::pipe()), ec);
  });
}

TEST_P(host_that_forks, can_do_so_while_a_launch_takes_long)
{
  const scratch_directory scratch;
  const std::string busy = scratch.helper_as("busy");
  unique_fd writer(::open(busy.c_str(), O_WRONLY | O_CLOEXEC)); // While it is there, the exec is tried again.
  std::thread slow([&] {
    std::error_code ec;
    EXPECT_TRUE(run(program(busy, {"exit", "0"}).retry_text_busy(20s), ec).success());
    EXPECT_FALSE(ec) << ec.message();
  });
  EXPECT_TRUE(eventually([] { return has_children(); }));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(in_worker([&] { return launch(); }).success());
  EXPECT_LT(std::chrono::steady_clock::now() - start, forking_host::soon);
  writer.reset();
  slow.join();
}

TEST_P(host_that_forks, in_a_fork_of_a_fork_can_launch)
{
  launch();
  EXPECT_TRUE(in_worker([&] { return launch() + !in_worker([&] { return launch(); }).success(); }).success());
  EXPECT_EQ(launch(), 0);
}

// A child is that of the process that started it.
TEST_P(host_that_forks, has_its_child_left_alone_by_the_fork)
{
  child cat = spawn(helper({"cat"}).stdin_from(stdio::pipe()).stdout_to(stdio::pipe()));
  EXPECT_TRUE(in_worker([&] {
                std::error_code ec;
                cat.try_wait(ec); // Whatever it says: it is not ours to wait for.
                const child dropped = std::move(cat);
                return 0;
              }).success());
  write_all(cat.stdin_pipe().get(), "there\n");
  EXPECT_EQ(read_line(cat.stdout_pipe().get()), "there");
  EXPECT_TRUE(end_of(cat).success());
}

} // namespace
} // namespace subprocess::tests
