// A Ctrl-Z, or a SIGSTOP, that meets a child before it is the program: nobody can know
// of that child yet, to continue it, so its spawn does.

#include <subprocess/spawn.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include <subprocess/child_change.hpp>
#include <subprocess/detail/launch/core_locks.hpp>
#include <subprocess/detail/launch/launch.hpp>

#include "support/deadline.hpp"
#include "support/isolated.hpp"
#include "support/launchers.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

class stopped_before_exec : public per_launcher {
protected:
  /// Launches, in a copy with a process group of its own, a program that is being
  /// written for 100 ms more; `stop` is called with the child before that is over.
  /// \return By `body`, which gets the command.
  void while_busy(const std::function<void(pid_t)>& stop,
                  const std::function<void(const command&, unique_fd&)>& body) const
  {
    const scratch_directory scratch;
    const std::string busy = scratch.helper_as("busy");
    isolated([&] {
      ::alarm(8);
      ::setpgid(0, 0);
      std::signal(SIGTSTP, [](int) {}); // The host saves its screen, say; its children have the default.
      unique_fd writer(::open(busy.c_str(), O_WRONLY | O_CLOEXEC));
      std::thread stopper([&] {
        if (eventually([] { return !children().empty(); }, 10s))
          stop(children().front());
      });
      const auto start = std::chrono::steady_clock::now();
      body(program(busy, {"exit", "3"}), writer);
      EXPECT_LT(std::chrono::steady_clock::now() - start, 3s);
      stopper.join();
    });
  }

  static void stop_group(pid_t) { ::kill(0, SIGTSTP); }
  static void stop_child(pid_t child) { ::kill(child, SIGSTOP); }
};
SUBPROCESS_FOR_EACH_LAUNCHER(stopped_before_exec);

TEST_P(stopped_before_exec, does_not_hold_the_spawn_that_fails)
{
  for (const auto stop : {stop_group, stop_child})
    while_busy(stop, [](const command& busy, unique_fd&) {
      std::error_code ec;
      spawn(command(busy).retry_text_busy(200ms), ec);
      EXPECT_EQ(ec.value(), ETXTBSY) << ec.message();
    });
}

TEST_P(stopped_before_exec, does_not_hold_the_spawn_that_succeeds)
{
  for (const auto stop : {stop_group, stop_child}) {
    std::atomic<bool> stopped = false;
    const auto stop_and_tell = [&](pid_t child) {
      stop(child);
      stopped = true;
    };
    while_busy(stop_and_tell, [&](const command& busy, unique_fd& writer) {
      std::thread closer([&] {
        eventually([&] { return stopped.load(); });
        writer.reset();
      });
      std::error_code ec;
      EXPECT_EQ(run(command(busy).retry_text_busy(10s), ec).code(), 3) << ec.message();
      closer.join();
    });
  }
}

TEST_P(stopped_before_exec, again_and_again_does_not_hold_the_spawn)
{
  const auto stop_often = [](pid_t child) {
    for (int i = 0; i < 5; ++i) {
      ::kill(child, SIGSTOP);
      ::poll(nullptr, 0, 20);
    }
  };
  while_busy(stop_often, [](const command& busy, unique_fd&) {
    std::error_code ec;
    spawn(command(busy).retry_text_busy(200ms), ec);
    EXPECT_EQ(ec.value(), ETXTBSY) << ec.message();
  });
}

// From the exec on it is the program's affair, and the user's.
TEST_P(stopped_before_exec, is_told_from_stopped_after_it)
{
  child started = spawn(helper({"ready-then-hang"}).stdout_to(stdio::pipe()));
  EXPECT_EQ(read_line(started.stdout_pipe().get()), "ready");
  started.send_signal(SIGSTOP);
  EXPECT_EQ(started.wait_change().event, child_event::stopped);
  EXPECT_FALSE(eventually([&] { return started.try_wait_change().has_value(); }, 150ms)) << "somebody continued it";
  started.kill();
  EXPECT_EQ(end_of(started).signal(), SIGKILL);
}

// A busy machine may hear of the exec after the program has done its first steps.
TEST_P(stopped_before_exec, is_told_from_stopped_after_an_exec_that_nobody_has_heard_of)
{
  const command what = program("/bin/sh", {"-c", "kill -STOP $$"});
  spawn_failure failure;
  detail::launch one(what, detail::stream_defaults::inherit(), failure);
  detail::launch_gate gate;
  one.start(detail::told_by::end, std::unique_lock(gate), failure);
  ASSERT_FALSE(failure) << failure.message();
  detail::process& child = *one.handle();
  EXPECT_TRUE(eventually([&] { return child.is_stopped(); }));
  one.nudge();
  EXPECT_FALSE(eventually([&] { return child.has_ended(); }, 150ms)) << "the launch continued it";
  EXPECT_TRUE(child.is_stopped());
  EXPECT_TRUE(one.has_verdict(failure));
  EXPECT_FALSE(failure) << failure.message();
  child.signal(SIGKILL);
  child.reap();
}

} // namespace
} // namespace subprocess::tests
