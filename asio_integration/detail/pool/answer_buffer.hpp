#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace subprocess::detail {

/// How a conversation with a worker is cut into pieces.
enum class answer_shape {
  line,  ///< Up to a newline.
  frame, ///< Four bytes of length, the highest first, and so many bytes.
};

/// What a worker has written and nobody has taken yet. Reads nothing itself.
class answer_buffer {
public:
  enum class result {
    whole,
    too_long,
    more, ///< There is no whole one yet.
  };

  /// Where the next bytes go; never empty. Valid until the next call.
  std::span<char> room();

  /// Takes over the first `size` bytes of the room.
  void add(std::size_t size) noexcept { used_ += size; }

  /// Takes the next answer out.
  /// \param longest  In bytes, without newline or length.
  result next(answer_shape shape, std::size_t longest, std::string& answer);

  bool is_empty() const noexcept { return used_ == 0; }

private:
  result next_line(std::size_t longest, std::string& answer);
  result next_frame(std::size_t longest, std::string& answer);
  void take(std::size_t from, std::size_t size, std::size_t end, std::string& answer);

  std::string text_; // What is behind used_ is room.
  std::size_t used_ = 0;
  std::size_t scanned_ = 0; // No newline is before that.
};

} // namespace subprocess::detail
