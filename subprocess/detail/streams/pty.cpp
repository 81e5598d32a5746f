#include <subprocess/detail/streams/pty.hpp>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include <subprocess/detail/streams/pipe.hpp>
#include <subprocess/stdio_target.hpp>

namespace subprocess::detail {

namespace {

// A read that finds nothing gives end-of-file, now and for whoever reads next. The
// character for end-of-file would do for one reader alone. It must be so before
// anybody reads: a read goes by what it has found when it began. termios(3), VMIN.
int end_input(int terminal) noexcept
{
  termios modes{};
  if (::tcgetattr(terminal, &modes) == -1)
    return errno;
  modes.c_lflag &= ~static_cast<tcflag_t>(ICANON);
  modes.c_cc[VMIN] = 0;
  modes.c_cc[VTIME] = 0;
  return ::tcsetattr(terminal, TCSANOW, &modes) == -1 ? errno : 0;
}

} // namespace

int open_pty(const stdio::terminal_shape& shape, unique_fd& ours, unique_fd& theirs) noexcept
{
  // POSIX has O_CLOEXEC here since 2024; Linux and the BSDs always had.
  ours.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!ours)
    return errno;
  if (const int error = lift(ours, 3))
    return error;
  if (::grantpt(ours.get()) == -1 || ::unlockpt(ours.get()) == -1)
    return errno;
  char path[128];
  if (const int error = ::ptsname_r(ours.get(), path, sizeof path))
    return error;
  if (const int error = open_file(path, O_RDWR | O_NOCTTY, theirs))
    return error;
  if (const int error = set_window_size(theirs.get(), shape))
    return error;
  return shape.has_input ? 0 : end_input(theirs.get());
}

int set_window_size(int terminal, window_size size) noexcept
{
  winsize wanted{};
  wanted.ws_row = size.rows;
  wanted.ws_col = size.columns;
  return ::ioctl(terminal, TIOCSWINSZ, &wanted) == -1 ? errno : 0;
}

} // namespace subprocess::detail
