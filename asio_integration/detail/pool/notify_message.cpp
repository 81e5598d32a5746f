#include <asio_integration/detail/pool/notify_message.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <vector>

namespace subprocess::detail {
namespace {

// All of the text, in digits alone, within the type's range.
template <class Number>
std::optional<Number> digits(std::string_view text)
{
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.front() == '-')
    return std::nullopt;
  return number;
}

// A number that stands for "for ever" must not become one in the past.
std::optional<std::chrono::microseconds> duration_of(std::string_view text)
{
  const auto count = digits<std::uint64_t>(text);
  if (!count)
    return std::nullopt;
  constexpr std::uint64_t most =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::nanoseconds::max()).count();
  return std::chrono::microseconds(*count < most ? *count : most);
}

std::optional<pid_t> process_of(std::string_view text)
{
  const auto pid = digits<pid_t>(text);
  return pid && *pid > 0 ? pid : std::nullopt;
}

// Takes the next line out of the text.
std::string_view next_line(std::string_view& text)
{
  const std::size_t end = text.find_first_of("\n\r");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  return line;
}

// KEY=1, which counts wherever it stands.
void read_flag(std::string_view key, notify_message& message)
{
  if (key == "READY")
    message.is_ready = true;
  else if (key == "RELOADING")
    message.is_reloading = true;
  else if (key == "STOPPING")
    message.is_stopping = true;
  else if (key == "BARRIER")
    message.wants_barrier = true;
}

void read_value(std::string_view key, std::string_view value, notify_message& message)
{
  using watchdog = notify_message::watchdog;
  if (key == "WATCHDOG")
    message.sign = value == "1" ? watchdog::alive : (value == "trigger" ? watchdog::trigger : watchdog::none);
  else if (key == "MAINPID")
    message.main_pid = process_of(value);
  else if (key == "EXTEND_TIMEOUT_USEC")
    message.extend_timeout = duration_of(value);
  else if (key == "ERRNO")
    message.error = digits<int>(value);
  else if (key == "STATUS")
    message.status = value;
}

} // namespace

std::optional<notify_message> parse_notify(std::string_view datagram)
{
  if (datagram.size() > longest_notify_message)
    return std::nullopt;
  if (datagram.ends_with('\0'))
    datagram.remove_suffix(1);
  if (datagram.find('\0') != datagram.npos)
    return std::nullopt;

  notify_message message;
  std::vector<std::string_view> seen;
  while (!datagram.empty()) {
    const std::string_view line = next_line(datagram);
    const std::size_t equals = line.find('=');
    if (equals == line.npos)
      continue;
    const std::string_view key = line.substr(0, equals);
    const std::string_view value = line.substr(equals + 1);
    if (value == "1")
      read_flag(key, message);
    if (std::ranges::count(seen, key) == 0)
      read_value(key, value, message);
    seen.push_back(key);
  }
  return message;
}

} // namespace subprocess::detail
