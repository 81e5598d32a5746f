#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <csignal>
#include <cstddef>

namespace subprocess::detail {

/// Keeps SIGPIPE from this thread for as long as it lives. A signal that was
/// pending before stays pending, and the program's dispositions are untouched.
class sigpipe_guard {
public:
  sigpipe_guard() noexcept;
  ~sigpipe_guard();
  sigpipe_guard(const sigpipe_guard&) = delete;
  sigpipe_guard& operator=(const sigpipe_guard&) = delete;

  /// A write gave EPIPE: takes the signal that came with it.
  void take() const noexcept;

private:
  sigset_t old_;
  bool blocked_before_;
  bool pending_before_ = false;
};

/// writev() that raises no SIGPIPE; EINTR is tried again.
/// \param error  0 or an errno.
/// \return       How many bytes went, 0 with an error.
/// \source       write(2), pipe(7).
std::size_t write_without_sigpipe(int fd, const iovec* pieces, int count, int& error) noexcept;

} // namespace subprocess::detail
