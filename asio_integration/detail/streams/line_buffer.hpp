#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace subprocess::detail {

/// Makes lines of what comes in pieces. Reads nothing itself, and holds no more
/// than one line of the greatest length and one piece.
class line_buffer {
public:
  enum class result {
    line,     ///< Here it is.
    too_long, ///< Its beginning is here, the rest is dropped as it comes.
    more,     ///< There is no whole line.
  };

  /// \param longest  In bytes, without the newline.
  explicit line_buffer(std::size_t longest) noexcept : longest_(longest) {}

  /// Where the next bytes go; never empty. Valid until the next call.
  std::span<char> room();

  /// Takes over the first `size` bytes of the room.
  void add(std::size_t size) noexcept { used_ += size; }

  /// Takes the next line out, without its newline.
  result next(std::string& line);

  /// At the end of the input: takes out a line without a newline. False when
  /// there is none.
  bool take_last(std::string& line);

private:
  void drop_rest_of_line() noexcept;

  const std::size_t longest_;
  std::string text_;
  std::size_t begin_ = 0;   // What is before was taken.
  std::size_t scanned_ = 0; // There is no newline between begin_ and here.
  std::size_t used_ = 0;    // The rest of the text is room.
  bool dropping_ = false;   // The rest of a line that was too long.
};

} // namespace subprocess::detail
