#include <subprocess/detail/streams/capture_read.hpp>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <subprocess/detail/streams/readiness.hpp>

namespace subprocess::detail {

namespace {

// More than the kernel keeps of what was written to a terminal.
constexpr std::size_t most_in_terminal = std::size_t(1) << 18;

/// Reads so much; false when there was less.
bool read_exactly(int fd, std::size_t left, capture_buffer& text, std::string* copy)
{
  while (left > 0) {
    const auto room = text.room();
    const ssize_t got = ::read(fd, room.data(), std::min(room.size(), left));
    const int error = got == -1 ? errno : 0;
    if (error == EINTR)
      continue;
    if (got <= 0)
      return false;
    if (copy)
      copy->append(room.data(), static_cast<std::size_t>(got));
    text.add(static_cast<std::size_t>(got));
    left -= static_cast<std::size_t>(got);
  }
  return true;
}

/// How many bytes a read would find.
std::size_t unread(int fd) noexcept
{
  int bytes = 0;
  return ::ioctl(fd, FIONREAD, &bytes) == -1 || bytes < 0 ? 0 : static_cast<std::size_t>(bytes);
}

/// What was read, and the end that is yet to be read, both make a stream readable.
bool is_readable(int fd) noexcept
{
  pollfd watched{fd, POLLIN, 0};
  int error = 0;
  return wait_until_ready({&watched, 1}, 0, error) == 1;
}

} // namespace

// What was written to a terminal lies in two places, and only the last counts as
// unread; looking whether there is something moves it on, and a second look finds what
// was on its way during the first.
bool read_what_is_there(int fd, capture_buffer& text, std::string* copy)
{
  if (::isatty(fd) == 0) {
    if (!read_exactly(fd, unread(fd), text, copy))
      return true;
    return is_readable(fd) && unread(fd) == 0;
  }
  for (std::size_t taken = 0; taken < most_in_terminal && (is_readable(fd) || is_readable(fd));) {
    const auto room = text.room();
    int error = 0;
    const ssize_t got = read_past_early_end(fd, room, error);
    if (error == EINTR || error == EAGAIN)
      continue;
    if (got <= 0)
      return true;
    if (copy)
      copy->append(room.data(), static_cast<std::size_t>(got));
    text.add(static_cast<std::size_t>(got));
    taken += static_cast<std::size_t>(got);
  }
  return false;
}

ssize_t read_past_early_end(int fd, std::span<char> room, int& error) noexcept
{
  ssize_t got = ::read(fd, room.data(), room.size());
  error = got == -1 ? errno : 0;
  if (error != EIO || ::isatty(fd) == 0 || !is_readable(fd))
    return got;
  got = ::read(fd, room.data(), room.size());
  error = got == -1 ? errno : 0;
  return got;
}

void end_terminal_input(int terminal) noexcept
{
  const char end_of_file = 4; // VEOF of a new terminal, termios(3).
  static_cast<void>(!::write(terminal, &end_of_file, 1));
}

} // namespace subprocess::detail
