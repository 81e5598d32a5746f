#include <asio_integration/detail/streams/line_buffer.hpp>

#include <algorithm>

namespace subprocess::detail {
namespace {

// Smaller than a pipe: a line is to come before all that is behind it.
constexpr std::size_t piece = 16384;

} // namespace

// It is asked for only when there is no whole line: what moves to the front is
// moved once for each read, and is shorter than a line.
std::span<char> line_buffer::room()
{
  if (begin_ > 0) {
    std::copy(text_.data() + begin_, text_.data() + used_, text_.data());
    used_ -= begin_;
    scanned_ -= begin_;
    begin_ = 0;
  }
  if (text_.size() - used_ < piece)
    text_.resize(used_ + piece);
  return std::span(text_).subspan(used_, piece);
}

line_buffer::result line_buffer::next(std::string& line)
{
  if (dropping_)
    drop_rest_of_line();
  const char* const newline = std::find(text_.data() + scanned_, text_.data() + used_, '\n');
  scanned_ = static_cast<std::size_t>(newline - text_.data());
  const bool whole = scanned_ != used_;
  const std::size_t length = scanned_ - begin_;
  if (!whole && length <= longest_)
    return result::more;
  line.assign(text_, begin_, std::min(length, longest_));
  scanned_ += whole;
  begin_ = scanned_;
  dropping_ = !whole;
  return length > longest_ ? result::too_long : result::line;
}

bool line_buffer::take_last(std::string& line)
{
  if (dropping_)
    drop_rest_of_line();
  line.assign(text_, begin_, used_ - begin_);
  begin_ = scanned_ = used_ = 0;
  dropping_ = false;
  return !line.empty();
}

void line_buffer::drop_rest_of_line() noexcept
{
  const char* const newline = std::find(text_.data() + begin_, text_.data() + used_, '\n');
  dropping_ = newline == text_.data() + used_;
  begin_ = static_cast<std::size_t>(newline - text_.data()) + !dropping_;
  scanned_ = begin_;
}

} // namespace subprocess::detail
