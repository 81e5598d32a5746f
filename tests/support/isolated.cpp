#include "isolated.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

#include <subprocess/unique_fd.hpp>

#include "baseline.hpp"
#include "deadline.hpp"

namespace subprocess::tests {
namespace {

std::string failures_since(int first)
{
  const auto& result = *::testing::UnitTest::GetInstance()->current_test_info()->result();
  std::string text;
  for (int i = first; i < result.total_part_count(); ++i) {
    const auto& part = result.GetTestPartResult(i);
    if (part.failed())
      text.append(part.file_name() ? part.file_name() : "?")
          .append(":")
          .append(std::to_string(part.line_number()))
          .append(": ")
          .append(part.message())
          .append("\n");
  }
  return text;
}

[[noreturn]] void be_the_copy(const std::function<void()>& body, int report)
{
  // What fails is told once, by the original.
  auto& listeners = ::testing::UnitTest::GetInstance()->listeners();
  listeners.Release(listeners.default_result_printer());

  const int first = ::testing::UnitTest::GetInstance()->current_test_info()->result()->total_part_count();
  try {
    const baseline_check check;
    body();
    check.verify_nothing_added();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "exception: " << error.what();
  } catch (...) {
    ADD_FAILURE() << "exception";
  }
  write_all(report, failures_since(first));
  ::_exit(0);
}

} // namespace

exit_status in_copy(const std::function<void()>& body)
{
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) == -1) {
    ADD_FAILURE() << "pipe2";
    return {};
  }
  const unique_fd read_end(ends[0]);
  unique_fd write_end(::fcntl(ends[1], F_DUPFD_CLOEXEC, report_number));
  ::close(ends[1]);
  std::fflush(nullptr);

  const pid_t copy = ::fork();
  if (copy == 0) {
    ::close(read_end.get());
    be_the_copy(body, write_end.get());
  }
  write_end.reset();
  const std::string report = read_all(read_end.get()); // Its end is the copy's, or that of its patience.
  int status = 0;
  if (!eventually([&] { return ::waitpid(copy, &status, WNOHANG) != 0; })) {
    ::kill(copy, SIGKILL);
    ::waitpid(copy, &status, 0);
    ADD_FAILURE() << "the copy did not end";
  }
  if (!report.empty())
    ADD_FAILURE() << "in the copy:\n" << report;
  return exit_status(status);
}

void isolated(const std::function<void()>& body)
{
  const exit_status status = in_copy(body);
  EXPECT_TRUE(status.success()) << status;
}

} // namespace subprocess::tests
