#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <asio/buffer.hpp>
#include <asio/error.hpp>

#include <cerrno>
#include <csignal>

#include <asio_integration/asio_integration.hpp>

#include "io_fixture.hpp"
#include "support/sandbox.hpp"

namespace subprocess::tests {
namespace {

class sandboxed_loop : public io_fixture {
protected:
  /// A body that runs where the kernel refuses `number` with `error`.
  void refused(long number, int error, const std::function<void()>& body)
  {
    isolated_loop([&] {
      ASSERT_TRUE(refuse_calls({number}, error));
      body();
    });
  }
};
SUBPROCESS_FOR_EACH_SETUP(sandboxed_loop);

TEST_P(sandboxed_loop, without_pidfd_open_hears_of_an_end_all_the_same)
{
  for (const int error : {ENOSYS, EPERM})
    refused(SYS_pidfd_open, error, [&] {
      async_child helper = start({"hang"});
      wait_result result;
      helper.async_wait(result.handler());
      EXPECT_TRUE(is_busy());
      helper.kill();
      run_to_end();
      EXPECT_EQ(result.calls, 1);
      EXPECT_EQ(result.status.signal(), SIGKILL);
    });
}

TEST_P(sandboxed_loop, without_pidfd_send_signal_can_kill_all_the_same)
{
  for (const int error : {ENOSYS, EPERM})
    refused(SYS_pidfd_send_signal, error, [&] {
      async_child helper = start({"hang"});
      std::error_code ec;
      helper.kill(ec);
      EXPECT_FALSE(ec) << ec.message();
      if (ec)
        ::kill(helper.id(), SIGKILL);
      EXPECT_EQ(end_of(helper).signal(), SIGKILL);
    });
}

// Threads and children of the clone launcher are made by the same call.
TEST_P(sandboxed_loop, without_threads_to_be_had_tells_so)
{
  refused(SYS_clone3, EAGAIN, [&] {
    int calls = 0;
    async_spawn(context(), helper({"exit", "0"}), [&](std::error_code ec, async_child child) {
      ++calls;
      EXPECT_EQ(ec, std::errc::resource_unavailable_try_again) << ec.message();
      EXPECT_EQ(ec.category(), std::system_category());
      EXPECT_EQ(child.id(), -1);
    });
    wait_result run;
    async_run(context(), helper({"exit", "0"}), run.handler());
    EXPECT_EQ(calls + run.calls, 0) << "called from within";
    run_to_end();
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(run.ec, std::errc::resource_unavailable_try_again) << run.ec.message();
  });
}

TEST_P(sandboxed_loop, without_clone3_falls_back_to_fork)
{
  for (const int error : {ENOSYS, EPERM})
    refused(SYS_clone3, error, [&] {
      const command any = tests::helper({"exit", "3"});
      async_child now = spawn(context(), any);
      EXPECT_EQ(now.launcher_used(), launcher::fork);
      EXPECT_EQ(end_of(now).code(), 3);
      // Here EPERM keeps the C library from making threads too.
      if (error == EPERM)
        return;
      async_child later;
      async_spawn(context(), any, [&](std::error_code ec, async_child child) {
        EXPECT_FALSE(ec) << ec.message();
        later = std::move(child);
      });
      run_to_end();
      EXPECT_EQ(later.launcher_used(), launcher::fork);
      EXPECT_EQ(end_of(later).code(), 3);
    });
}

// An older kernel refuses the flag by ENOTSUP.
TEST_P(sandboxed_loop, without_writes_that_raise_no_signal_raises_none_all_the_same)
{
  for (const int error : {ENOTSUP, ENOSYS, EPERM})
    refused(SYS_pwritev2, error, [&] {
      std::signal(SIGPIPE, SIG_DFL);
      async_child cat = start({"cat"});
      for (int i = 0; i < 2; ++i)
        EXPECT_EQ(cat.stdin_pipe().write_some(asio::buffer("line\n", 5)), 5u);
      cat.stdin_pipe().close();
      EXPECT_EQ(read_all(cat.stdout_pipe().native_handle()), "line\nline\n");
      end_of(cat);

      async_child ended = start(tests::helper({"exit", "0"}).stdin_from(stdio::pipe()));
      end_of(ended);
      std::error_code ec;
      ended.stdin_pipe().write_some(asio::buffer("x", 1), ec);
      EXPECT_EQ(ec, asio::error::broken_pipe) << ec.message();

      sigset_t sigpipe;
      sigemptyset(&sigpipe);
      sigaddset(&sigpipe, SIGPIPE);
      ::pthread_sigmask(SIG_BLOCK, &sigpipe, nullptr);
      ::pthread_kill(::pthread_self(), SIGPIPE);
      ended.stdin_pipe().write_some(asio::buffer("x", 1), ec);
      EXPECT_EQ(ec, asio::error::broken_pipe) << ec.message();
      sigset_t pending;
      ::sigpending(&pending);
      EXPECT_EQ(sigismember(&pending, SIGPIPE), 1) << "the program's own is taken away";
    });
}

} // namespace
} // namespace subprocess::tests
