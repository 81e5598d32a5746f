#include <subprocess/exit_error.hpp>

#include <algorithm>
#include <cstddef>
#include <ranges>
#include <utility>

#include <subprocess/capture.hpp>
#include <subprocess/pipeline.hpp>

namespace subprocess {
namespace {

constexpr std::size_t most_lines = 10;
constexpr std::size_t most_bytes = 1024;

bool continues_character(char c) noexcept
{
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

/// How many bytes the character takes with which `text` begins; 0 when it cannot be
/// printed. UTF-8 without the control characters, and without what is too long for its
/// value (RFC 3629).
std::size_t printable_size(std::string_view text) noexcept
{
  const auto byte = [text](std::size_t at) -> unsigned { return static_cast<unsigned char>(text[at]); };
  const unsigned first = byte(0);
  if (first < 0x80)
    return (first >= 0x20 && first != 0x7f) || first == '\t' ? 1 : 0;
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size ||
      !std::ranges::all_of(text.substr(1, size - 1), continues_character))
    return 0;
  const unsigned second = byte(1);
  const bool refused = (first == 0xc2 && second < 0xa0) ||  // Control characters.
                       (first == 0xe0 && second < 0xa0) ||  // Too long.
                       (first == 0xed && second >= 0xa0) || // Surrogates.
                       (first == 0xf0 && second < 0x90) || (first == 0xf4 && second >= 0x90);
  return refused ? 0 : size;
}

std::string printable(std::string_view line)
{
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  while (!line.empty()) {
    const std::size_t size = printable_size(line);
    const auto byte = static_cast<unsigned char>(line.front());
    if (size > 0)
      text += line.substr(0, size);
    else
      text.append("\\x").append({digits[byte >> 4], digits[byte & 15]});
    line.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return text;
}

/// Whole lines, unless the last one alone is too long.
std::string_view last_lines(std::string_view text) noexcept
{
  text = text.substr(0, text.find_last_not_of("\r\n") + 1);
  std::size_t begin = text.size();
  for (std::size_t lines = 0; lines < most_lines && begin > 0; ++lines) {
    const std::size_t newline = begin < 2 ? std::string_view::npos : text.rfind('\n', begin - 2);
    const std::size_t line = newline == std::string_view::npos ? 0 : newline + 1;
    if (text.size() - line > most_bytes)
      break;
    begin = line;
  }
  if (begin == text.size() && !text.empty())
    for (begin -= most_bytes; begin < text.size() && continues_character(text[begin]);)
      ++begin;
  return text.substr(begin);
}

std::string exit_message(exit_status status, std::string_view program, std::string_view lines)
{
  std::string text = "run";
  if (!program.empty())
    text.append(" \"").append(program).append("\"");
  text.append(": ").append(to_string(status));
  while (!lines.empty()) {
    const std::size_t size = std::min(lines.find('\n'), lines.size());
    std::string_view line = lines.substr(0, size);
    if (line.ends_with('\r'))
      line.remove_suffix(1);
    text.append("\n  ").append(printable(line));
    lines.remove_prefix(std::min(size + 1, lines.size()));
  }
  return text;
}

} // namespace

exit_error::exit_error(exit_status status, std::string_view program, std::string_view error_output)
    : std::runtime_error(exit_message(status, program, last_lines(error_output))), status_(status),
      told_(std::make_shared<const told>(told{std::string(program), std::string(last_lines(error_output))}))
{
}

exit_status check(exit_status status, std::string_view program)
{
  if (!status.success())
    throw exit_error(status, program);
  return status;
}

const captured_output& captured_output::check() const&
{
  if (!status.success())
    throw exit_error(status, program, err);
  return *this;
}

captured_output captured_output::check() &&
{
  std::as_const(*this).check();
  return std::move(*this);
}

const pipeline_result& pipeline_result::check() const&
{
  for (const captured_output& stage : std::views::reverse(stages))
    stage.check();
  return *this;
}

pipeline_result pipeline_result::check() &&
{
  std::as_const(*this).check();
  return std::move(*this);
}

} // namespace subprocess
