#include <subprocess/program_search.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace subprocess {
namespace {

std::string default_path()
{
  std::string path(::confstr(_CS_PATH, nullptr, 0), '\0');
  ::confstr(_CS_PATH, path.data(), path.size());
  if (!path.empty())
    path.pop_back(); // The terminating NUL is counted.
  return path;
}

bool is_program(const std::string& path)
{
  struct stat info;
  return path.find('\0') == std::string::npos && ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         ::faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0;
}

} // namespace

std::vector<std::string> program_candidates(std::string_view program, std::optional<std::string_view> path)
{
  if (program.find('/') != std::string_view::npos)
    return {std::string(program)};

  const std::string fallback = path ? std::string() : default_path();
  std::string_view rest = path ? *path : fallback;
  std::vector<std::string> candidates;
  for (;;) {
    const auto end = rest.find(':');
    std::string candidate(rest.substr(0, end));
    if (!candidate.empty())
      candidate += '/';
    candidates.push_back(candidate.append(program));
    if (end == std::string_view::npos)
      return candidates;
    rest.remove_prefix(end + 1);
  }
}

std::optional<std::string> find_program(std::string_view name, std::optional<std::string_view> path)
{
  if (name.empty() || name.find('\0') != std::string_view::npos)
    return std::nullopt;
  const std::vector<std::string> candidates = program_candidates(name, path);
  const auto found = std::ranges::find_if(candidates, is_program);
  return found == candidates.end() ? std::nullopt : std::optional(*found);
}

std::optional<std::string> find_program(std::string_view name)
{
  const char* const path = std::getenv("PATH");
  return find_program(name, path ? std::optional<std::string_view>(path) : std::nullopt);
}

} // namespace subprocess
