#include <subprocess/exit_report.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <sys/resource.h>

#include <csignal>
#include <fstream>

#include <subprocess/spawn.hpp>

#include "support/launchers.hpp"

namespace subprocess::tests {
namespace {

using exit_reports = per_launcher;
SUBPROCESS_FOR_EACH_LAUNCHER(exit_reports);

TEST_P(exit_reports, come_with_the_end)
{
  child running = spawn(helper({"burn", "50"}));
  EXPECT_FALSE(running.report());
  const exit_status status = running.wait();
  const auto report = running.report();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->status, status);
  EXPECT_FALSE(report->core_dumped);
  EXPECT_GE(report->usage.ru_utime.tv_sec * 1'000'000 + report->usage.ru_utime.tv_usec + report->usage.ru_stime.tv_usec,
            40'000);
  EXPECT_GE(report->wall_time, std::chrono::milliseconds(40));
  EXPECT_EQ(running.report()->wall_time, report->wall_time) << "it stays as it is";
}

TEST_P(exit_reports, an_empty_child_has_none)
{
  EXPECT_FALSE(child().report());
}

TEST_P(exit_reports, tell_of_a_core_dump)
{
  std::ifstream pattern("/proc/sys/kernel/core_pattern");
  std::string where;
  std::getline(pattern, where);
  if (where.empty() || where.front() == '|' || where.find('/') != std::string::npos)
    GTEST_SKIP() << "core dumps go to \"" << where << '"';
  const scratch_directory scratch;
  command what = program("sh", {"-c", "ulimit -c unlimited 2>/dev/null; kill -ABRT $$"});
  const captured_output output = capture(what.current_dir(scratch.path()));
  EXPECT_EQ(output.status.signal(), SIGABRT);
  EXPECT_EQ(output.report->core_dumped, output.status.core_dumped());
}

TEST_P(exit_reports, are_in_captured_output)
{
  const captured_output output = capture(helper({"exit", "3"}));
  ASSERT_TRUE(output.report);
  EXPECT_EQ(output.report->status.code(), 3);
  EXPECT_GT(output.report->wall_time.count(), 0);
  std::error_code ec;
  EXPECT_FALSE(capture(program("/nonexistent"), ec).report);
}

} // namespace
} // namespace subprocess::tests
