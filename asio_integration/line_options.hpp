#pragma once

#include <cstddef>

namespace subprocess {

/// What a line ends with. Any one character will do: `'\0'` for `find -print0`.
///
/// A plain value.
class line_end {
public:
  /// This character alone.
  constexpr line_end(char delimiter) noexcept : delimiter_(delimiter) {}

  /// "\n" alone; before it a "\r" is part of the line.
  static constexpr line_end newline() noexcept { return '\n'; }

  /// For programs that show their progress, as ffmpeg, git and curl do, and for
  /// terminals: "\n", "\r" and "\r\n" each end one line. A "\r" ends it at once; the
  /// "\n" that may follow is skipped when it comes.
  static constexpr line_end newline_or_return() noexcept
  {
    line_end both = '\n';
    both.or_return_ = true;
    return both;
  }

  /// Whether a line ends with this character.
  constexpr bool is(char c) const noexcept { return c == delimiter_ || (or_return_ && c == '\r'); }

  friend constexpr bool operator==(line_end, line_end) noexcept = default;

private:
  char delimiter_;
  bool or_return_ = false;
};

/// How to make lines; made for designated initializers:
/// `line_reader lines(stream, {.ends = line_end::newline_or_return()})`.
///
/// A plain value.
struct line_options {
  /// The greatest length of a line, in bytes without its end.
  std::size_t longest = std::size_t(1) << 20;

  line_end ends = line_end::newline();
};

} // namespace subprocess
