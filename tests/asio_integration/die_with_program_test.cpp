#include <asio_integration/async_spawn.hpp>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include <chrono>
#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include <asio_integration/spawn.hpp>

#include "support/deadline.hpp"
#include "support/launchers.hpp"
#include "support/pipes.hpp"

namespace subprocess::tests {
namespace {

// Less than the helper lives by itself.
constexpr std::chrono::seconds before_it_ends_itself{20};

class die_with_program_on_a_loop : public per_launcher {
protected:
  /// In a fork of this program, which is killed when so many children are ready; then
  /// they have to be gone too.
  template <class Start>
  void expect_to_die(int count, Start start)
  {
    pipe_ends ends = make_pipe();
    const pid_t host = ::fork();
    if (host == 0) {
      ::alarm(60);
      asio::io_context loop;
      const auto busy = asio::make_work_guard(loop);
      std::vector<async_child> running;
      start(loop, running,
            helper({"ready-then-hang"}).stdout_to(stdio::from_fd(ends.write_end.get())).die_with_program());
      loop.run();
      ::_exit(1);
    }
    ends.write_end.reset();
    for (int i = 0; i < count; ++i)
      EXPECT_EQ(read_line(ends.read_end.get()), "ready");
    ::kill(host, SIGKILL);
    ::waitpid(host, nullptr, 0);
    ASSERT_TRUE(becomes_readable(ends.read_end.get(), before_it_ends_itself)) << "a child lives on";
    EXPECT_EQ(read_all(ends.read_end.get()), "");
  }
};
SUBPROCESS_FOR_EACH_LAUNCHER(die_with_program_on_a_loop);

TEST_P(die_with_program_on_a_loop, holds_for_async_spawn)
{
  expect_to_die(5, [](asio::io_context& loop, std::vector<async_child>& running, const command& what) {
    for (int i = 0; i < 5; ++i)
      async_spawn(loop.get_executor(), what,
                  [&](std::error_code, async_child child) { running.push_back(std::move(child)); });
  });
}

TEST_P(die_with_program_on_a_loop, holds_for_spawn)
{
  expect_to_die(1, [](asio::io_context& loop, std::vector<async_child>& running, const command& what) {
    running.push_back(spawn(loop.get_executor(), what));
  });
}

} // namespace
} // namespace subprocess::tests
