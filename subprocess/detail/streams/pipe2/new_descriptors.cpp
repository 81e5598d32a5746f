#include <subprocess/detail/streams/new_descriptors.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace subprocess::detail {

int new_pipe(int (&ends)[2], int flags) noexcept
{
  return ::pipe2(ends, O_CLOEXEC | flags) == -1 ? errno : 0;
}

int new_socket_pair(int (&ends)[2]) noexcept
{
  return ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == -1 ? errno : 0;
}

} // namespace subprocess::detail
