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

/// The path of the program that a child would run: the first candidate that is
/// a regular file we may execute.
///
/// By the time of the spawn it may be another one, or gone; a spawn needs no
/// search before it.
/// \param path  The value of PATH; not given, that of this process.
/// \return     Empty when there is none.
/// \source     execvp(3), which(1).
std::optional<std::string> find_program(std::string_view name);
std::optional<std::string> find_program(std::string_view name, std::optional<std::string_view> path);

} // namespace subprocess
