#include "fresh_program.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <subprocess/exit_status.hpp>

#include "deadline.hpp"
#include "pipes.hpp"

namespace subprocess::tests {
namespace {

constexpr const char* mark = "SUBPROCESS_TEST_FRESH_PROGRAM";

std::string name_of_this_test()
{
  const auto& test = *::testing::UnitTest::GetInstance()->current_test_info();
  return std::string(test.test_suite_name()) + "." + test.name();
}

[[noreturn]] void become_fresh(const std::string& filter)
{
  for (const char* name : {"GTEST_TOTAL_SHARDS", "GTEST_SHARD_INDEX", "GTEST_SHARD_STATUS_FILE", "GTEST_OUTPUT"})
    ::unsetenv(name);
  ::setenv(mark, "1", 1);
  ::execl("/proc/self/exe", "fresh_program", ("--gtest_filter=" + filter).c_str(), static_cast<char*>(nullptr));
  ::_exit(127);
}

} // namespace

bool tried_in_fresh_program(const std::function<void()>& before)
{
  if (std::getenv(mark))
    return false;
  pipe_ends report = make_pipe(30);
  std::fflush(nullptr);
  const pid_t fresh = ::fork();
  if (fresh == 0) {
    ::dup2(report.write_end.get(), 1);
    ::dup2(report.write_end.get(), 2);
    before();
    become_fresh(name_of_this_test());
  }
  report.write_end.reset();
  const std::string told = read_all(report.read_end.get());
  int status = 0;
  if (!eventually([&] { return ::waitpid(fresh, &status, WNOHANG) != 0; })) {
    ::kill(fresh, SIGKILL);
    ::waitpid(fresh, &status, 0);
  }
  EXPECT_TRUE(exit_status(status).success()) << exit_status(status) << " of a fresh program, which says:\n" << told;
  return true;
}

} // namespace subprocess::tests
