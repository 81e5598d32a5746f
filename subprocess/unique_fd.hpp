#pragma once

#include <unistd.h>

#include <utility>

namespace subprocess {

/// Owns one file descriptor, and closes it.
///
/// Move-only. A failing close() is not reported: on Linux the descriptor is
/// gone all the same, and closing again could hit somebody else's.
///
/// Thread safety: distinct objects are safe.
/// \source std::os::fd::OwnedFd; close(2).
class unique_fd {
public:
  unique_fd() noexcept = default;
  /// Owns this one.
  explicit unique_fd(int fd) noexcept : fd_(fd) {}
  unique_fd(unique_fd&& other) noexcept : fd_(other.release()) {}
  unique_fd& operator=(unique_fd&& other) noexcept
  {
    reset(other.release());
    return *this;
  }
  ~unique_fd() { reset(); }

  /// The descriptor; -1 when empty.
  int get() const noexcept { return fd_; }

  /// Whether there is a descriptor.
  explicit operator bool() const noexcept { return fd_ >= 0; }

  /// Gives the descriptor to the caller, who then has to close it.
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

  /// Closes what is held, then owns `fd`.
  void reset(int fd = -1) noexcept
  {
    const int old = std::exchange(fd_, fd);
    if (old >= 0 && old != fd)
      ::close(old);
  }

private:
  int fd_ = -1;
};

} // namespace subprocess
