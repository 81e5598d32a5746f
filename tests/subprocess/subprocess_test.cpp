#include <subprocess/subprocess.hpp> // First and alone: it brings everything public.

#include <gtest/gtest.h>

#include "support/baseline.hpp"
#include "support/programs.hpp"

namespace subprocess::tests {
namespace {

using umbrella = baseline;

TEST_F(umbrella, brings_all_that_a_caller_needs)
{
  const captured_output output = capture(helper({"streams"}).stderr_to(stdio::to_stdout()));
  EXPECT_EQ(output.out, "outerr");
  EXPECT_EQ(output.status, exit_status(0));
  child none;
  unique_fd empty;
  environment_changes changes;
  spawn_failure failure{std::error_code(), spawn_step::exec, "", ""};
  EXPECT_FALSE(program_candidates("x", std::nullopt).empty());
  EXPECT_TRUE(changes.empty() && !empty && !failure && none.id() == -1);
}

} // namespace
} // namespace subprocess::tests
