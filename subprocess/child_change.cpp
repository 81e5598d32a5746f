#include <subprocess/child_change.hpp>

#include <ostream>

#include <subprocess/detail/process/signal_name.hpp>

namespace subprocess {

std::string to_string(const child_change& change)
{
  if (change.event == child_event::ended)
    return to_string(change.status);
  std::string text = change.event == child_event::stopped ? "stopped: " : "continued: ";
  text += std::to_string(change.signal);
  if (const char* name = detail::signal_name(change.signal))
    text.append(" (").append(name).append(")");
  return text;
}

std::ostream& operator<<(std::ostream& out, const child_change& change)
{
  return out << to_string(change);
}

} // namespace subprocess
