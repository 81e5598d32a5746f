#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace subprocess::fuzz {

/// What a fuzzer gives, taken from the front; zeros when it is used up.
class input {
public:
  input(const std::uint8_t* data, std::size_t size) : left_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return left_.empty(); }

  unsigned number(unsigned below)
  {
    if (left_.empty())
      return 0;
    const unsigned taken = static_cast<unsigned char>(left_.front());
    left_.remove_prefix(1);
    return taken % below;
  }

  std::string text(std::size_t size)
  {
    const std::string taken(left_.substr(0, size));
    left_.remove_prefix(taken.size());
    return taken;
  }

  std::string rest() { return text(left_.size()); }

private:
  std::string_view left_;
};

/// Ends the program, which is how a fuzzer hears of a fault.
inline void require(bool right, const char* what)
{
  if (right)
    return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::abort();
}

/// Puts a text into a buffer by pieces of one to seven bytes, as far as there is room, and
/// calls `take` after each, until that says that there is no more to come.
template <class Buffer, class Take>
void feed(input in, std::string_view text, Buffer& buffer, Take take)
{
  bool goes_on = true;
  while (goes_on && !text.empty()) {
    const auto room = buffer.room();
    require(!room.empty(), "there is room");
    const std::size_t size = std::min({room.size(), text.size(), std::size_t(1) + in.number(7)});
    std::copy_n(text.data(), size, room.data());
    buffer.add(size);
    text.remove_prefix(size);
    goes_on = take();
  }
}

} // namespace subprocess::fuzz
