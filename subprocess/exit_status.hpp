#pragma once

#include <iosfwd>
#include <optional>
#include <string>

namespace subprocess {

/// How a child ended: with an exit code or by a signal.
///
/// A plain value. Default-constructed it is unknown: neither code nor signal
/// nor success. A code other than 0 is a result, never an error.
///
/// Thread safety: as an int.
/// \source std::process::ExitStatus; wait(2).
class exit_status {
public:
  exit_status() noexcept = default;

  /// \param wait_status  What waitpid() stored, of a child that has ended.
  explicit exit_status(int wait_status) noexcept : raw_(wait_status), known_(true) {}

  /// Whether the child ended by itself with code 0.
  bool success() const noexcept { return code() == 0; }

  /// The exit code, 0 to 255; empty when a signal ended the child.
  std::optional<int> code() const noexcept;

  /// The signal that ended the child; empty when it ended by itself.
  std::optional<int> signal() const noexcept;

  /// Whether the kernel wrote a core dump.
  bool core_dumped() const noexcept;

  /// The wait status as waitpid() gives it; 0 when unknown.
  int raw() const noexcept { return raw_; }

  friend bool operator==(const exit_status&, const exit_status&) noexcept = default;

private:
  int raw_ = 0;
  bool known_ = false;
};

/// "exit code: 3", "signal: 9 (SIGKILL)", "signal: 6 (SIGABRT) (core dumped)",
/// "signal: 34" for a signal without a name, "unknown".
std::string to_string(const exit_status& status);

std::ostream& operator<<(std::ostream& out, const exit_status& status);

} // namespace subprocess
