#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <subprocess/capture.hpp>
#include <subprocess/command.hpp>
#include <subprocess/error.hpp>

#include "baseline.hpp"
#include "programs.hpp"

namespace subprocess::tests {

/// Every launcher there is, available here or not.
std::vector<launcher> launchers();

/// Why a launcher cannot be used here; empty when it can.
std::optional<std::string> why_unavailable(launcher which);

std::string launcher_name(const ::testing::TestParamInfo<launcher>& info);

/// The fixture of what goes through a launcher: each test runs with every one.
class per_launcher : public baseline, public ::testing::WithParamInterface<launcher> {
protected:
  void SetUp() override;

  command program(std::string path, std::initializer_list<std::string_view> args = {}) const;
  command helper(std::initializer_list<std::string_view> verb_and_arguments) const;

  /// What the helper writes; fails the test unless it exits with 0.
  std::string output_of(const command& what) const;
  std::string output_of(std::initializer_list<std::string_view> verb_and_arguments) const;

  /// How the spawn fails; fails the test when it does not.
  spawn_failure failure_of(const command& what) const;
};

} // namespace subprocess::tests

/// Runs the tests of a fixture that derives from per_launcher by fork alone, and by what
/// the library chooses: what asks for less privilege clone is not for.
#define SUBPROCESS_FOR_EACH_ROAD(fixture)                                                                              \
  INSTANTIATE_TEST_SUITE_P(launcher, fixture,                                                                          \
                           ::testing::Values(::subprocess::launcher::fork, ::subprocess::launcher::automatic),         \
                           ::subprocess::tests::launcher_name)

/// Runs the tests of a fixture that derives from per_launcher.
#define SUBPROCESS_FOR_EACH_LAUNCHER(fixture)                                                                          \
  INSTANTIATE_TEST_SUITE_P(launcher, fixture, ::testing::ValuesIn(::subprocess::tests::launchers()),                   \
                           ::subprocess::tests::launcher_name)
