#include <subprocess/exit_status.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <sstream>
#include <utility>

#include <subprocess/detail/process/signal_name.hpp>

namespace subprocess::tests {
namespace {

// What waitpid() stores, on every system that has a history.
constexpr int exited(int code)
{
  return code << 8;
}
constexpr int killed_by(int number)
{
  return number;
}
constexpr int core_flag = 0x80;

TEST(exit_status, is_unknown_when_nothing_is_known)
{
  const exit_status unknown;
  EXPECT_FALSE(unknown.success());
  EXPECT_EQ(unknown.code(), std::nullopt);
  EXPECT_EQ(unknown.signal(), std::nullopt);
  EXPECT_FALSE(unknown.core_dumped());
  EXPECT_EQ(unknown.raw(), 0);
  EXPECT_NE(unknown, exit_status(exited(0)));
  EXPECT_EQ(to_string(unknown), "unknown");
}

TEST(exit_status, success_is_code_0_alone)
{
  EXPECT_TRUE(exit_status(exited(0)).success());
  EXPECT_FALSE(exit_status(exited(1)).success());
  EXPECT_FALSE(exit_status(killed_by(SIGTERM)).success());
}

TEST(exit_status, has_a_code_or_a_signal_and_never_both)
{
  const exit_status by_itself(exited(255));
  EXPECT_EQ(by_itself.code(), 255);
  EXPECT_EQ(by_itself.signal(), std::nullopt);

  const exit_status by_signal(killed_by(SIGKILL));
  EXPECT_EQ(by_signal.code(), std::nullopt);
  EXPECT_EQ(by_signal.signal(), SIGKILL);
  EXPECT_FALSE(by_signal.core_dumped());
  EXPECT_TRUE(exit_status(killed_by(SIGABRT) | core_flag).core_dumped());
}

TEST(exit_status, gives_back_the_wait_status)
{
  for (const int raw : {exited(0), exited(3), killed_by(SIGSEGV), killed_by(SIGSEGV) | core_flag})
    EXPECT_EQ(exit_status(raw).raw(), raw);
}

TEST(exit_status, compares_by_value)
{
  EXPECT_EQ(exit_status(exited(3)), exit_status(exited(3)));
  EXPECT_NE(exit_status(exited(3)), exit_status(exited(4)));
  EXPECT_NE(exit_status(exited(9)), exit_status(killed_by(9)));
  EXPECT_EQ(exit_status(), exit_status());
}

TEST(exit_status, reads_well)
{
  EXPECT_EQ(to_string(exit_status(exited(0))), "exit code: 0");
  EXPECT_EQ(to_string(exit_status(exited(3))), "exit code: 3");
  EXPECT_EQ(to_string(exit_status(killed_by(9))), "signal: 9 (SIGKILL)");
  EXPECT_EQ(to_string(exit_status(killed_by(6) | core_flag)), "signal: 6 (SIGABRT) (core dumped)");
  EXPECT_EQ(to_string(exit_status(killed_by(34))), "signal: 34");
}

TEST(exit_status, prints_what_to_string_says)
{
  std::ostringstream out;
  out << exit_status(exited(7)) << ", " << exit_status() << ", " << exit_status(killed_by(15));
  EXPECT_EQ(out.str(), "exit code: 7, unknown, signal: 15 (SIGTERM)");
}

TEST(signal_name, knows_the_signals_that_have_one)
{
  const std::pair<int, const char*> names[] = {
      {SIGHUP, "SIGHUP"},   {SIGINT, "SIGINT"},       {SIGQUIT, "SIGQUIT"},  {SIGILL, "SIGILL"},   {SIGTRAP, "SIGTRAP"},
      {SIGABRT, "SIGABRT"}, {SIGBUS, "SIGBUS"},       {SIGFPE, "SIGFPE"},    {SIGKILL, "SIGKILL"}, {SIGUSR1, "SIGUSR1"},
      {SIGSEGV, "SIGSEGV"}, {SIGUSR2, "SIGUSR2"},     {SIGPIPE, "SIGPIPE"},  {SIGALRM, "SIGALRM"}, {SIGTERM, "SIGTERM"},
      {SIGCHLD, "SIGCHLD"}, {SIGCONT, "SIGCONT"},     {SIGSTOP, "SIGSTOP"},  {SIGTSTP, "SIGTSTP"}, {SIGTTIN, "SIGTTIN"},
      {SIGTTOU, "SIGTTOU"}, {SIGURG, "SIGURG"},       {SIGXCPU, "SIGXCPU"},  {SIGXFSZ, "SIGXFSZ"}, {SIGPROF, "SIGPROF"},
      {SIGSYS, "SIGSYS"},   {SIGVTALRM, "SIGVTALRM"}, {SIGWINCH, "SIGWINCH"}};
  for (const auto& [number, name] : names)
    EXPECT_STREQ(detail::signal_name(number), name);
#ifdef __linux__
  EXPECT_STREQ(detail::signal_name(SIGIO), "SIGIO");
  EXPECT_STREQ(detail::signal_name(SIGPWR), "SIGPWR");
  EXPECT_STREQ(detail::signal_name(SIGSTKFLT), "SIGSTKFLT");
#endif
  EXPECT_EQ(detail::signal_name(0), nullptr);
  EXPECT_EQ(detail::signal_name(-1), nullptr);
  EXPECT_EQ(detail::signal_name(64), nullptr);
}

} // namespace
} // namespace subprocess::tests
