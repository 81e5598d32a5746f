#include <subprocess/detail/streams/write_without_sigpipe.hpp>

#include <fcntl.h>
#include <sys/types.h>

#include <cerrno>

namespace subprocess::detail {

// The kernel sends SIGPIPE to the process, not to the thread that writes: a mask keeps
// nothing from the other threads. But the open file can be told to raise none, and our
// end of a stream is nobody else's.
std::size_t write_without_sigpipe(int fd, const iovec* pieces, int count, int& error) noexcept
{
  ssize_t done = -1;
  do {
    if (::fcntl(fd, F_SETNOSIGPIPE, 1) != -1)
      done = ::writev(fd, pieces, count);
    error = done == -1 ? errno : 0;
  } while (error == EINTR);
  return done == -1 ? 0 : static_cast<std::size_t>(done);
}

} // namespace subprocess::detail
