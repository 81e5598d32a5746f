#pragma once

#include <string>
#include <system_error>

#include <subprocess/command.hpp>
#include <subprocess/error.hpp>
#include <subprocess/exit_status.hpp>

namespace subprocess {

/// What a child wrote, and how it ended.
struct captured_output {
  exit_status status;
  std::string out;
  std::string err;
};

/// Spawns, reads both streams to their end, and waits.
///
/// What the command sets explicitly wins; unset stdin is null, unset stdout and
/// stderr are pipes. A piped stdin gets end-of-file at once. The end of a stream
/// comes when everyone who holds it has closed it, a grandchild too.
///
/// \param ec  As of spawn() and child::wait(), and the errors of reading. What
///            was read by then is kept.
/// \throws    spawn_error or std::system_error.
/// \source    std::process::Command::output.
captured_output capture(const command& what);
captured_output capture(const command& what, std::error_code& ec);

} // namespace subprocess
