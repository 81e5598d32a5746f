#include <subprocess/detail/streams/quiet_writev.hpp>

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace subprocess::detail {
namespace {

constexpr int rwf_nosignal = 0x100; // Since Linux 6.18.

std::atomic<bool> nosignal_is_refused = false;

} // namespace

// An older kernel knows the call and not the flag (ENOTSUP), a sandbox may refuse the
// call (EPERM, ENOSYS). Neither is asked again: the other way to write is always right.
ssize_t quiet_writev(int fd, const iovec* pieces, int count) noexcept
{
  if (!nosignal_is_refused.load(std::memory_order_relaxed)) {
    // At -1 it writes where a stream is, as writev() does.
    const long done = ::syscall(SYS_pwritev2, fd, pieces, static_cast<long>(count), -1L, -1L, rwf_nosignal);
    if (done != -1 || (errno != ENOTSUP && errno != ENOSYS && errno != EPERM))
      return done;
    nosignal_is_refused.store(true, std::memory_order_relaxed);
  }
  errno = ENOTSUP;
  return -1;
}

} // namespace subprocess::detail
