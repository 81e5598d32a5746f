#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <set>
#include <vector>

namespace subprocess::tests {

/// The descriptors that are open now, but for the one used to look.
std::set<int> open_descriptors();

/// Whether this process has a child of that number, running or zombie.
bool is_our_child(pid_t pid);

/// The children of this process, running or zombie.
std::vector<pid_t> children();

/// A child of another process; -1 when it has none.
pid_t child_of(pid_t parent);

/// Whether this process has any child, running or zombie.
bool has_children();

/// Whether it has none in a moment. Orphans of the library are reaped meanwhile.
bool all_children_gone();

/// What a process has open at one time, to compare with later.
class baseline_check {
public:
  baseline_check();

  /// Fails the test unless the descriptors are again those of the start and no
  /// child is left, neither running nor zombie; waits for both in reason. What
  /// is left is killed, so that one failure does not spread.
  void verify() const;

  /// As verify(), where the test closes what it was given: nothing is added.
  void verify_nothing_added() const;

private:
  std::set<int> descriptors_;
};

/// The fixture of every test that makes descriptors or processes: nothing is
/// left of either when the test has ended.
class baseline : public ::testing::Test {
protected:
  void SetUp() override;
  void TearDown() override;

private:
  baseline_check check_;
};

} // namespace subprocess::tests
