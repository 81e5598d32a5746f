// Messages of sd_notify(3), against a reader that goes through the text once for each question.

#include <asio_integration/detail/pool/notify_message.hpp>

#include <charconv>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "input.hpp"

using namespace subprocess;
using detail::notify_message;

namespace {

std::vector<std::string> lines_of(const std::string& text)
{
  std::vector<std::string> lines(1);
  for (const char c : text)
    if (c == '\n' || c == '\r')
      lines.emplace_back();
    else
      lines.back() += c;
  return lines;
}

bool is_said(const std::vector<std::string>& lines, const std::string& what)
{
  for (const std::string& line : lines)
    if (line == what)
      return true;
  return false;
}

std::optional<std::string> first(const std::vector<std::string>& lines, const std::string& key)
{
  for (const std::string& line : lines)
    if (line.starts_with(key + "="))
      return line.substr(key.size() + 1);
  return std::nullopt;
}

/// Of a text of digits alone; most + 1 when it is more.
std::optional<unsigned long long> number(const std::optional<std::string>& text, unsigned long long most)
{
  if (!text || text->empty() || text->find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  unsigned long long value = 0;
  for (const char c : *text) {
    const auto digit = static_cast<unsigned long long>(c - '0');
    if (value > (most - digit) / 10)
      return most + 1;
    value = value * 10 + digit;
  }
  return value;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
  std::string text = fuzz::input(data, size).rest();
  const auto read = detail::parse_notify(text);
  const bool fits = text.size() <= detail::longest_notify_message;
  if (!text.empty() && text.back() == '\0')
    text.pop_back();
  fuzz::require(read.has_value() == (fits && text.find('\0') == std::string::npos), "it is a message");
  if (!read)
    return 0;
  const auto lines = lines_of(text);
  fuzz::require(read->is_ready == is_said(lines, "READY=1"), "READY");
  fuzz::require(read->is_reloading == is_said(lines, "RELOADING=1"), "RELOADING");
  fuzz::require(read->is_stopping == is_said(lines, "STOPPING=1"), "STOPPING");
  fuzz::require(read->wants_barrier == is_said(lines, "BARRIER=1"), "BARRIER");
  fuzz::require(read->status == first(lines, "STATUS").value_or(""), "STATUS");
  const auto sign = first(lines, "WATCHDOG");
  fuzz::require((read->sign == notify_message::watchdog::alive) == (sign == "1"), "WATCHDOG=1");
  fuzz::require((read->sign == notify_message::watchdog::trigger) == (sign == "trigger"), "WATCHDOG=trigger");

  constexpr auto most_int = std::numeric_limits<int>::max();
  const auto pid = number(first(lines, "MAINPID"), most_int);
  const bool has_pid = pid && *pid > 0 && *pid <= static_cast<unsigned long long>(most_int);
  fuzz::require(read->main_pid.has_value() == has_pid, "MAINPID is one");
  fuzz::require(!has_pid || static_cast<unsigned long long>(*read->main_pid) == *pid, "MAINPID");
  const auto error = number(first(lines, "ERRNO"), most_int);
  const bool has_error = error && *error <= static_cast<unsigned long long>(most_int);
  fuzz::require(read->error.has_value() == has_error, "ERRNO is one");
  fuzz::require(!has_error || static_cast<unsigned long long>(*read->error) == *error, "ERRNO");
  fuzz::require(!read->extend_timeout || read->extend_timeout->count() >= 0, "EXTEND_TIMEOUT_USEC is not in the past");
  return 0;
}
