#include <subprocess/program_search.hpp>

#include <unistd.h>

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

} // namespace subprocess
