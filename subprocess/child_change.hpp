#pragma once

#include <iosfwd>
#include <string>

#include <subprocess/exit_status.hpp>

namespace subprocess {

/// What can happen to a running child. A stopped one has not ended.
enum class child_event {
  stopped,   ///< It was suspended: by SIGSTOP, SIGTSTP, SIGTTIN or SIGTTOU.
  continued, ///< It goes on: SIGCONT.
  ended,     ///< It is reaped, and nothing more will happen.
};

/// What became of a child, and by what. Plain data.
/// \source waitid(2), CLD_STOPPED, CLD_CONTINUED.
struct child_change {
  child_event event = child_event::ended;
  int signal = 0;     ///< What stopped or continued it; 0 when it has ended.
  exit_status status; ///< Known when it has ended.

  friend bool operator==(const child_change&, const child_change&) = default;
};

/// "stopped: 19 (SIGSTOP)", "continued: 18 (SIGCONT)", or as of an exit_status.
std::string to_string(const child_change& change);
std::ostream& operator<<(std::ostream& out, const child_change& change);

} // namespace subprocess
