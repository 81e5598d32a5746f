#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace subprocess {

/// The paths that execvp() would try for `program`, in its order.
///
/// A name with a slash stands for itself. An empty entry of the path is the
/// current directory; relative ones are relative to the child's.
///
/// \param path  The value of PATH; without one, the system's default
///              (confstr, `_CS_PATH`).
/// \source execvp(3); POSIX, environ, "PATH".
std::vector<std::string> program_candidates(std::string_view program, std::optional<std::string_view> path);

} // namespace subprocess
