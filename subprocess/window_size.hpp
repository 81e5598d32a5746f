#pragma once

namespace subprocess {

/// The size of a terminal, in characters.
/// \source ioctl_tty(2), TIOCSWINSZ.
struct window_size {
  unsigned short rows = 24;
  unsigned short columns = 80;

  friend bool operator==(const window_size&, const window_size&) noexcept = default;
};

} // namespace subprocess
