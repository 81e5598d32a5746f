#include <subprocess/exit_status.hpp>

#include <sys/wait.h>

#include <ostream>

#include <subprocess/detail/process/signal_name.hpp>

namespace subprocess {

std::optional<int> exit_status::code() const noexcept
{
  if (!known_ || !WIFEXITED(raw_))
    return std::nullopt;
  return WEXITSTATUS(raw_);
}

std::optional<int> exit_status::signal() const noexcept
{
  if (!known_ || !WIFSIGNALED(raw_))
    return std::nullopt;
  return WTERMSIG(raw_);
}

bool exit_status::core_dumped() const noexcept
{
  return signal() && WCOREDUMP(raw_);
}

std::string to_string(const exit_status& status)
{
  if (const auto code = status.code())
    return "exit code: " + std::to_string(*code);
  const auto signal = status.signal();
  if (!signal)
    return "unknown";
  std::string text = "signal: " + std::to_string(*signal);
  if (const char* name = detail::signal_name(*signal))
    text.append(" (").append(name).append(")");
  if (status.core_dumped())
    text += " (core dumped)";
  return text;
}

std::ostream& operator<<(std::ostream& out, const exit_status& status)
{
  return out << to_string(status);
}

} // namespace subprocess
