// What a worker answers, in pieces, against the whole.

#include <asio_integration/detail/pool/answer_buffer.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "input.hpp"

using namespace subprocess;
using detail::answer_buffer;
using detail::answer_shape;

namespace {

using told = std::vector<std::pair<answer_buffer::result, std::string>>; // Up to what is too long.

told slowly(std::string text, answer_shape shape, std::size_t longest)
{
  told answers;
  for (;;) {
    std::size_t begin = 0, length = 0, end = 0;
    if (shape == answer_shape::line) {
      length = std::min(text.find('\n'), text.size());
      end = length + 1;
    } else {
      if (text.size() < 4)
        return answers;
      for (int i = 0; i < 4; ++i)
        length = length * 256 + static_cast<unsigned char>(text[static_cast<std::size_t>(i)]);
      begin = 4;
      end = begin + length;
    }
    if (length > longest) {
      answers.emplace_back(answer_buffer::result::too_long, "");
      return answers;
    }
    if (text.size() < end)
      return answers;
    answers.emplace_back(answer_buffer::result::whole, text.substr(begin, length));
    text.erase(0, end);
  }
}

told by_pieces(fuzz::input in, const std::string& text, answer_shape shape, std::size_t longest)
{
  told answers;
  answer_buffer buffer;
  std::string answer;
  fuzz::feed(in, text, buffer, [&] {
    for (;;) {
      const auto result = buffer.next(shape, longest, answer);
      if (result == answer_buffer::result::more)
        return true;
      answers.emplace_back(result, result == answer_buffer::result::whole ? answer : "");
      if (result == answer_buffer::result::too_long)
        return false;
    }
  });
  return answers;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
  fuzz::input in(data, size);
  const std::size_t longest = in.number(20);
  const answer_shape shape = in.number(2) ? answer_shape::frame : answer_shape::line;
  const fuzz::input pieces = in;
  const std::string text = in.rest();
  fuzz::require(by_pieces(pieces, text, shape, longest) == slowly(text, shape, longest), "the answers are the same");
  return 0;
}
