#include "launchers.hpp"

#include <subprocess/spawn.hpp>

namespace subprocess::tests {

std::vector<launcher> launchers()
{
  return {launcher::fork, launcher::clone};
}

std::optional<std::string> why_unavailable(launcher which)
{
  spawn_failure failure;
  child started = spawn(tests::helper({"exit", "0"}).use_launcher(which), failure);
  if (failure) {
    EXPECT_EQ(failure.step, spawn_step::fork);
    return failure.context() + ": " + failure.code.message();
  }
  started.wait();
  return std::nullopt;
}

std::string launcher_name(const ::testing::TestParamInfo<launcher>& info)
{
  switch (info.param) {
  case launcher::automatic: return "automatic";
  case launcher::fork: return "fork";
  case launcher::clone: return "clone";
  }
  return "unknown";
}

void per_launcher::SetUp()
{
  baseline::SetUp();
  const auto reason = why_unavailable(GetParam());
  if (reason && GetParam() == launcher::fork)
    FAIL() << *reason; // Every system has this one.
  if (reason)
    GTEST_SKIP() << *reason;
}

command per_launcher::program(std::string path, std::initializer_list<std::string_view> args) const
{
  return command(std::move(path), args).use_launcher(GetParam());
}

command per_launcher::helper(std::initializer_list<std::string_view> verb_and_arguments) const
{
  return tests::helper(verb_and_arguments).use_launcher(GetParam());
}

std::string per_launcher::output_of(const command& what) const
{
  std::error_code ec;
  const captured_output output = capture(what, ec);
  EXPECT_FALSE(ec) << ec.message();
  EXPECT_TRUE(output.status.success()) << to_string(what) << ": " << output.status << "; stderr: " << output.err;
  return output.out;
}

std::string per_launcher::output_of(std::initializer_list<std::string_view> verb_and_arguments) const
{
  return output_of(helper(verb_and_arguments));
}

spawn_failure per_launcher::failure_of(const command& what) const
{
  spawn_failure failure;
  child started = spawn(what, failure);
  EXPECT_TRUE(failure) << to_string(what) << " was spawned";
  if (!failure)
    end_of(started);
  EXPECT_EQ(started.id(), failure ? -1 : started.id());
  return failure;
}

} // namespace subprocess::tests
