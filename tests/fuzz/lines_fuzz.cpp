// Lines made of pieces, against lines made character by character.

#include <asio_integration/detail/streams/line_buffer.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "input.hpp"

using namespace subprocess;

namespace {

using told = std::vector<std::pair<bool, std::string>>; // Whether it was too long.

told slowly(const std::string& text, const line_options& options)
{
  told lines;
  std::string line;
  bool dropping = false, after_return = false;
  for (const char c : text) {
    if (std::exchange(after_return, false) && c == '\n')
      continue;
    if (options.ends.is(c)) {
      if (!std::exchange(dropping, false))
        lines.emplace_back(false, line);
      line.clear();
      after_return = c == '\r' && options.ends == line_end::newline_or_return();
    } else if (!dropping) {
      line += c;
      if (line.size() > options.longest) {
        line.pop_back();
        lines.emplace_back(true, std::exchange(line, {}));
        dropping = true;
      }
    }
  }
  if (!line.empty())
    lines.emplace_back(false, line);
  return lines;
}

told by_pieces(fuzz::input in, const std::string& text, const line_options& options)
{
  told lines;
  detail::line_buffer buffer(options);
  std::string line;
  fuzz::feed(in, text, buffer, [&] {
    for (auto result = buffer.next(line); result != detail::line_buffer::result::more; result = buffer.next(line))
      lines.emplace_back(result == detail::line_buffer::result::too_long, line);
    return true;
  });
  if (buffer.take_last(line))
    lines.emplace_back(false, line);
  return lines;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
  fuzz::input in(data, size);
  const line_end ends[] = {'\n', line_end::newline_or_return(), '\0', '\r'};
  const line_options options{.longest = in.number(9), .ends = ends[in.number(4)]};
  const fuzz::input pieces = in;
  const std::string text = in.rest();
  fuzz::require(by_pieces(pieces, text, options) == slowly(text, options), "the lines are the same");
  return 0;
}
