#include <subprocess/child.hpp> // First: proves it stands alone.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>

#include <subprocess/detail/process/orphans.hpp>
#include <subprocess/detail/process/pidfd.hpp>
#include <subprocess/spawn.hpp>

#include "support/baseline.hpp"
#include "support/deadline.hpp"
#include "support/launchers.hpp"
#include "support/programs.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

class adoption : public baseline {
protected:
  /// A process that the library knows nothing of.
  template <class Body>
  static pid_t forked(Body body)
  {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::alarm(60);
      body();
      ::_exit(3);
    }
    return pid;
  }

  static pid_t hanging()
  {
    return forked([] {
      for (;;)
        ::pause();
    });
  }
};

TEST_F(adoption, gives_a_child_like_any_other)
{
  const pid_t pid = hanging();
  child adopted = child::adopt(pid);
  EXPECT_EQ(adopted.id(), pid);
  EXPECT_EQ(adopted.try_wait(), std::nullopt);
  EXPECT_EQ(adopted.wait_for(1ms), std::nullopt);
  EXPECT_FALSE(adopted.stdin_pipe() || adopted.stdout_pipe() || adopted.stderr_pipe() || adopted.pty());
  adopted.kill();
  EXPECT_EQ(end_of(adopted).signal(), SIGKILL);
  EXPECT_EQ(adopted.report()->status.signal(), SIGKILL);
  std::error_code ec;
  adopted.kill(ec);
  EXPECT_EQ(ec, std::errc::invalid_argument) << "its number may be another's";
}

TEST_F(adoption, of_one_that_has_ended_gives_its_status)
{
  const pid_t pid = forked([] {});
  siginfo_t info;
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(child::adopt(pid).wait().code(), 3);
}

TEST_F(adoption, is_for_ones_own_children)
{
  std::error_code ec;
  EXPECT_EQ(child::adopt(1, ec).id(), -1);
  EXPECT_EQ(ec, std::error_code(ECHILD, std::system_category()));
  EXPECT_EQ(child::adopt(::getpid(), ec).id(), -1);
  EXPECT_EQ(ec, std::errc::no_child_process);
  const pid_t reaped = forked([] {});
  ASSERT_EQ(::waitpid(reaped, nullptr, 0), reaped);
  child::adopt(reaped, ec);
  EXPECT_EQ(ec, std::errc::no_child_process);
  EXPECT_THROW(child::adopt(1), std::system_error);
}

TEST_F(adoption, takes_no_number_that_means_several)
{
  const pid_t pid = hanging();
  for (const pid_t wrong : {0, -1, -pid}) {
    std::error_code ec;
    child::adopt(wrong, ec);
    EXPECT_EQ(ec, std::errc::invalid_argument) << wrong;
  }
  child adopted = child::adopt(pid);
  adopted.kill();
  EXPECT_EQ(end_of(adopted).signal(), SIGKILL);
}

TEST_F(adoption, is_over_when_others_reap)
{
  const pid_t pid = forked([] {});
  child adopted = child::adopt(pid);
  ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
  std::error_code ec;
  adopted.wait(ec);
  EXPECT_EQ(ec, std::errc::no_child_process);
  adopted.kill(ec);
  EXPECT_EQ(ec, std::errc::invalid_argument);
}

TEST_F(adoption, dropped_is_reaped_later)
{
  const pid_t pid = hanging();
  child::adopt(pid);
  EXPECT_TRUE(is_our_child(pid)) << "nobody has killed it";
  ::kill(pid, SIGKILL);
  EXPECT_TRUE(eventually([&] {
    detail::reap_orphans();
    return !is_our_child(pid);
  }));
}

class child_pidfd : public per_launcher {
protected:
  void SetUp() override
  {
    per_launcher::SetUp();
    if (!IsSkipped() && !detail::has_pidfds())
      GTEST_SKIP() << "no pidfds";
  }
};
SUBPROCESS_FOR_EACH_LAUNCHER(child_pidfd);

TEST_P(child_pidfd, tells_of_the_end)
{
  child started = spawn(helper({"hang"}));
  const unique_fd end = started.pidfd();
  EXPECT_GE(end.get(), 3);
  EXPECT_EQ(::fcntl(end.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_FALSE(becomes_readable(end.get(), 0ms));
  started.kill();
  EXPECT_TRUE(becomes_readable(end.get()));
  EXPECT_EQ(end_of(started).signal(), SIGKILL);
}

TEST_P(child_pidfd, is_the_callers)
{
  child started = spawn(helper({"hang"}));
  {
    const unique_fd closed = started.pidfd();
  }
  const unique_fd kept = started.pidfd();
  EXPECT_NE(kept.get(), started.pidfd().get());
  EXPECT_EQ(started.wait_for(1ms), std::nullopt);
  started.kill();
  EXPECT_EQ(end_of(started).signal(), SIGKILL);
  EXPECT_TRUE(becomes_readable(kept.get())) << "it stands for the same process, which is gone";
  EXPECT_EQ(detail::send_by_pidfd(kept.get(), 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST_P(child_pidfd, is_not_to_be_had_of_who_is_gone)
{
  std::error_code ec;
  EXPECT_FALSE(child().pidfd(ec));
  EXPECT_EQ(ec, std::errc::invalid_argument);
  child started = spawn(helper({"exit", "0"}));
  started.wait();
  EXPECT_FALSE(started.pidfd(ec));
  EXPECT_EQ(ec, std::errc::invalid_argument);
  EXPECT_THROW(started.pidfd(), std::system_error);
}

#ifndef SUBPROCESS_LINUX_OPTIONS
TEST_F(adoption, has_no_pidfd_in_a_portable_build)
{
  child started = spawn(helper({"exit", "0"}));
  std::error_code ec;
  EXPECT_FALSE(started.pidfd(ec));
  EXPECT_EQ(ec, std::errc::function_not_supported);
  started.wait();
}
#endif

} // namespace
} // namespace subprocess::tests
