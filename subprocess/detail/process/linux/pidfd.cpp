#include <subprocess/detail/process/pidfd.hpp>

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

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

bool has_pidfds() noexcept
{
  static std::atomic<int> answer = -1;
  if (answer != -1)
    return answer == 1;
  const unique_fd fd(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  const int error = fd ? 0 : errno;
  if (error == EMFILE || error == ENFILE || error == ENOMEM)
    return true;
  answer = error == 0 ? 1 : 0;
  return error == 0;
}

int send_by_pidfd(int pidfd, int signal) noexcept
{
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0));
}

} // namespace subprocess::detail
