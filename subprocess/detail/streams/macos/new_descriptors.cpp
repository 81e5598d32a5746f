#include <subprocess/detail/streams/new_descriptors.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace subprocess::detail {
namespace {

// Close-on-exec comes a call later than the descriptors. Launches of this library and
// forks that honour pthread_atfork() do not come in between where the launch gate is
// held; a posix_spawn() of the host, or a pipe made outside of the gate, can.
int close_on_exec(const int (&ends)[2], int flags) noexcept
{
  int error = 0;
  for (const int end : ends) {
    if (!error && ::fcntl(end, F_SETFD, FD_CLOEXEC) == -1)
      error = errno;
    if (!error && flags && ::fcntl(end, F_SETFL, flags) == -1)
      error = errno;
  }
  if (error)
    for (const int end : ends)
      ::close(end);
  return error;
}

} // namespace

int new_pipe(int (&ends)[2], int flags) noexcept
{
  return ::pipe(ends) == -1 ? errno : close_on_exec(ends, flags);
}

int new_socket_pair(int (&ends)[2]) noexcept
{
  return ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == -1 ? errno : close_on_exec(ends, 0);
}

} // namespace subprocess::detail
