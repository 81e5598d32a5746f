#pragma once

#include <sys/types.h>
#include <sys/uio.h>

namespace subprocess::detail {

/// writev() for which the kernel itself leaves SIGPIPE away.
///
/// \return -1 with `ENOTSUP` where it cannot, and nothing was written.
/// \source pwritev2(2), RWF_NOSIGNAL.
ssize_t quiet_writev(int fd, const iovec* pieces, int count) noexcept;

} // namespace subprocess::detail
