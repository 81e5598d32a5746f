#include <subprocess/detail/streams/quiet_writev.hpp>

#include <cerrno>

namespace subprocess::detail {

ssize_t quiet_writev(int, const iovec*, int) noexcept
{
  errno = ENOTSUP;
  return -1;
}

} // namespace subprocess::detail
