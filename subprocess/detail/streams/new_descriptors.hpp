#pragma once

namespace subprocess::detail {

// The system's own calls behind make_pipe() and make_socket_pair(): close-on-exec, but
// of any number. Each returns 0 or an errno.

/// \param flags  O_NONBLOCK or 0.
int new_pipe(int (&ends)[2], int flags) noexcept;
int new_socket_pair(int (&ends)[2]) noexcept;

} // namespace subprocess::detail
