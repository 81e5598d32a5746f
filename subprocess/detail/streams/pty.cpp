#include <subprocess/detail/streams/pty.hpp>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include <subprocess/detail/streams/pipe.hpp>

namespace subprocess::detail {

int open_pty(window_size size, unique_fd& ours, unique_fd& theirs) noexcept
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
  return set_window_size(theirs.get(), size);
}

int set_window_size(int terminal, window_size size) noexcept
{
  winsize wanted{};
  wanted.ws_row = size.rows;
  wanted.ws_col = size.columns;
  return ::ioctl(terminal, TIOCSWINSZ, &wanted) == -1 ? errno : 0;
}

} // namespace subprocess::detail
