#pragma once

#include <cstddef>
#include <span>
#include <string>

#include <asio_integration/line_options.hpp>

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

  explicit line_buffer(const line_options& options) noexcept : options_(options) {}

  /// Where the next bytes go; never empty. Valid until the next call.
  std::span<char> room();

  /// Takes over the first `size` bytes of the room.
  void add(std::size_t size) noexcept { used_ += size; }

  /// Takes the next line out, without its end.
  result next(std::string& line);

  /// At the end of the input: takes out a line that has no end. False when
  /// there is none.
  bool take_last(std::string& line);

private:
  std::size_t find_end() const noexcept;
  void pass_end(bool whole) noexcept;
  void skip_to_next() noexcept;

  const line_options options_;
  std::string text_;
  std::size_t begin_ = 0;     // What is before was taken.
  std::size_t scanned_ = 0;   // No line ends between begin_ and here.
  std::size_t used_ = 0;      // The rest of the text is room.
  bool dropping_ = false;     // The rest of a line that was too long.
  bool after_return_ = false; // It ended the last line; a newline here would belong to it.
};

} // namespace subprocess::detail
