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
  skip_to_next();
  scanned_ = find_end();
  const bool whole = scanned_ != used_;
  const std::size_t length = scanned_ - begin_;
  if (!whole && length <= options_.longest)
    return result::more;
  line.assign(text_, begin_, std::min(length, options_.longest));
  pass_end(whole);
  return length > options_.longest ? result::too_long : result::line;
}

bool line_buffer::take_last(std::string& line)
{
  skip_to_next();
  line.assign(text_, begin_, used_ - begin_);
  begin_ = scanned_ = used_ = 0;
  dropping_ = after_return_ = false;
  return !line.empty();
}

// Where the line ends that is scanned; used_ when that has not come.
std::size_t line_buffer::find_end() const noexcept
{
  const auto ends = [this](char c) { return options_.ends.is(c); };
  const char* const found = std::find_if(text_.data() + scanned_, text_.data() + used_, ends);
  return static_cast<std::size_t>(found - text_.data());
}

// The next line begins behind what was scanned: behind the end of this one, or, when
// that has not come, wherever it will be.
void line_buffer::pass_end(bool whole) noexcept
{
  after_return_ = whole && text_[scanned_] == '\r' && options_.ends == line_end::newline_or_return();
  dropping_ = !whole;
  scanned_ += whole;
  begin_ = scanned_;
}

void line_buffer::skip_to_next() noexcept
{
  if (dropping_) {
    scanned_ = find_end();
    pass_end(scanned_ != used_);
  }
  if (!after_return_ || begin_ == used_)
    return;
  after_return_ = false;
  if (text_[begin_] == '\n')
    scanned_ = ++begin_;
}

} // namespace subprocess::detail
