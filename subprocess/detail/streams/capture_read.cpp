#include <subprocess/detail/streams/capture_read.hpp>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace subprocess::detail {

void read_what_is_there(int fd, capture_buffer& text)
{
  int left = 0;
  if (::ioctl(fd, FIONREAD, &left) == -1)
    return;
  while (left > 0) {
    const auto room = text.room();
    const ssize_t got = ::read(fd, room.data(), std::min(room.size(), static_cast<std::size_t>(left)));
    if (got == -1 && errno == EINTR)
      continue;
    if (got <= 0)
      return;
    text.add(static_cast<std::size_t>(got));
    left -= static_cast<int>(got);
  }
}

void end_terminal_input(int terminal) noexcept
{
  const char end_of_file = 4; // VEOF of a new terminal, termios(3).
  static_cast<void>(!::write(terminal, &end_of_file, 1));
}

} // namespace subprocess::detail
