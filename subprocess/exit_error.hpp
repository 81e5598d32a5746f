#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include <subprocess/exit_status.hpp>

namespace subprocess {

/// A program was run, and was not successful. Only check() throws it: by itself an
/// exit code is a result, never an error.
///
/// what() begins with `run "cc": exit code: 1`. The last lines of the program's stderr
/// follow, each on a line of its own, with whatever cannot be printed escaped.
/// \source Python's subprocess.CalledProcessError.
///
/// Thread safety: distinct objects are safe, copies of one too.
class exit_error : public std::runtime_error {
public:
  /// \param error_output  What the program wrote to stderr; its end is kept.
  exit_error(exit_status status, std::string_view program, std::string_view error_output = {});

  /// How the program ended.
  exit_status status() const noexcept { return status_; }

  /// As the command names it; may be empty.
  const std::string& program() const noexcept { return told_->program; }

  /// The last lines that the program wrote to stderr, as it wrote them: 10 of them and
  /// 1 KiB at most; empty when it wrote none, or nobody captured them.
  const std::string& error_output() const noexcept { return told_->error_output; }

private:
  struct told {
    std::string program;
    std::string error_output;
  };

  exit_status status_;
  std::shared_ptr<const told> told_; // An exception's copy must not throw.
};

/// Throws unless the program was successful.
///
///     check(run(command("make")), "make");
///
/// \param program  What the error calls it.
/// \return         The status.
/// \throws         exit_error.
exit_status check(exit_status status, std::string_view program = {});

} // namespace subprocess
