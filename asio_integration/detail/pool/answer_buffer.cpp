#include <asio_integration/detail/pool/answer_buffer.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace subprocess::detail {
namespace {

constexpr std::size_t least_room = 4096;
constexpr std::size_t first_room = 16384;
constexpr std::size_t length_size = 4;

// A worker that once had a large answer does not keep the memory for it.
constexpr std::size_t most_kept = std::size_t(1) << 20;

std::size_t length_in(const char* head) noexcept
{
  std::uint32_t length = 0;
  for (std::size_t i = 0; i < length_size; ++i)
    length = length << 8 | static_cast<unsigned char>(head[i]);
  return length;
}

} // namespace

// It grows by what has come, not by what a length has promised.
std::span<char> answer_buffer::room()
{
  if (text_.size() - used_ < least_room)
    text_.resize(std::max(first_room, text_.size() * 2));
  return {text_.data() + used_, text_.size() - used_};
}

answer_buffer::result answer_buffer::next(answer_shape shape, std::size_t longest, std::string& answer)
{
  return shape == answer_shape::line ? next_line(longest, answer) : next_frame(longest, answer);
}

answer_buffer::result answer_buffer::next_line(std::size_t longest, std::string& answer)
{
  const char* const begin = text_.data();
  const void* const found = used_ > scanned_ ? std::memchr(begin + scanned_, '\n', used_ - scanned_) : nullptr;
  if (!found) {
    scanned_ = used_;
    return used_ > longest ? result::too_long : result::more;
  }
  const auto size = static_cast<std::size_t>(static_cast<const char*>(found) - begin);
  if (size > longest)
    return result::too_long;
  take(0, size, size + 1, answer);
  return result::whole;
}

answer_buffer::result answer_buffer::next_frame(std::size_t longest, std::string& answer)
{
  if (used_ < length_size)
    return result::more;
  const std::size_t size = length_in(text_.data());
  if (size > longest)
    return result::too_long;
  if (used_ - length_size < size)
    return result::more;
  take(length_size, size, length_size + size, answer);
  return result::whole;
}

void answer_buffer::take(std::size_t from, std::size_t size, std::size_t end, std::string& answer)
{
  answer = std::string(text_.data() + from, size);
  std::memmove(text_.data(), text_.data() + end, used_ - end);
  used_ -= end;
  scanned_ = 0;
  if (text_.size() > most_kept && used_ == 0)
    text_ = std::string();
}

} // namespace subprocess::detail
