#pragma once

#include <sys/uio.h>

#include <cstddef>

namespace subprocess::detail {

/// writev() that raises no SIGPIPE, and leaves the program's dispositions untouched; EINTR
/// is tried again.
/// \param error  0 or an errno.
/// \return       How many bytes went, 0 with an error.
/// \source       write(2), pipe(7); F_SETNOSIGPIPE of macOS's fcntl(2).
std::size_t write_without_sigpipe(int fd, const iovec* pieces, int count, int& error) noexcept;

} // namespace subprocess::detail
