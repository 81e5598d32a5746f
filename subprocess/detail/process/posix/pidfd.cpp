#include <subprocess/detail/process/pidfd.hpp>

#include <cerrno>

namespace subprocess::detail {

unique_fd open_pidfd(pid_t) noexcept
{
  return {};
}

bool has_pidfds() noexcept
{
  return false;
}

int send_by_pidfd(int, int) noexcept
{
  errno = ENOSYS;
  return -1;
}

} // namespace subprocess::detail
