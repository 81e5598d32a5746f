#pragma once

#include <subprocess/unique_fd.hpp>

namespace subprocess::detail {

// Every descriptor made here is close-on-exec from birth, and 3 or above: with
// a standard stream closed in the parent, the kernel would hand out its number,
// and the child would take an internal descriptor for its input or output.
// Each function returns 0 or an errno.

int make_pipe(unique_fd& read_end, unique_fd& write_end, int flags = 0) noexcept;
int make_socket_pair(unique_fd& one, unique_fd& other) noexcept;
int open_file(const char* path, int flags, unique_fd& file) noexcept;

/// Holds the numbers 0 to 2 as far as they are free, so that what others open meanwhile
/// gets none of them.
class standard_numbers {
public:
  standard_numbers() noexcept;

private:
  unique_fd held_[3];
};

/// Moves a descriptor to `lowest` or above when it is not there.
int lift(unique_fd& fd, int lowest) noexcept;

} // namespace subprocess::detail
