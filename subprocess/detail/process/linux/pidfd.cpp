#include <subprocess/detail/process/pidfd.hpp>

#include <sys/syscall.h>
#include <unistd.h>

#include <subprocess/detail/streams/pipe.hpp>

namespace subprocess::detail {

// Linux 5.3; close-on-exec from birth.
unique_fd open_pidfd(pid_t pid) noexcept
{
  unique_fd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (fd && lift(fd, 3) != 0)
    fd.reset();
  return fd;
}

int send_by_pidfd(int pidfd, int signal) noexcept
{
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0));
}

} // namespace subprocess::detail
