#include <subprocess/detail/streams/capture_buffer.hpp>

#include <utility>

namespace subprocess::detail {
namespace {

// A pipe holds 64 KiB unless told otherwise: more seldom comes at once.
constexpr std::size_t chunk = 65536;

std::size_t tail_of(const capture_options& options) noexcept
{
  return options.on_overflow == overflow::keep_ends ? options.max_bytes / 2 : 0;
}

} // namespace

// Moving the tail for every read would cost time with the square of the output;
// with as much slack as there is tail each byte moves about once.
capture_buffer::capture_buffer(const capture_options& options) noexcept
    : limit_(options.max_bytes), head_(options.max_bytes - tail_of(options)), slack_(tail_of(options)),
      stops_(options.on_overflow == overflow::fail || options.on_overflow == overflow::kill)
{
}

// Most outputs fit the first chunk. One that fills it has probably ended there, and
// no memory is taken to find that out.
std::span<char> capture_buffer::room()
{
  const std::size_t left = text_.size() - used_;
  probing_ = left == 0 && total_ == chunk;
  if (probing_)
    return probe_;
  if (left < chunk / 4)
    text_.resize(used_ + chunk);
  return std::span(text_).subspan(used_);
}

void capture_buffer::add(std::size_t size)
{
  if (probing_)
    text_.append(probe_.data(), size);
  used_ += size;
  total_ += size;
  if (used_ > limit_ && used_ - limit_ >= slack_)
    trim();
}

void capture_buffer::trim()
{
  text_.erase(head_, used_ - limit_);
  used_ = limit_;
}

std::string capture_buffer::take()
{
  if (used_ > limit_)
    trim();
  text_.resize(std::exchange(used_, 0));
  if (text_.size() < chunk)
    text_.shrink_to_fit();
  return std::move(text_);
}

} // namespace subprocess::detail
