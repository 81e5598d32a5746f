#pragma once

#include <sys/types.h>

#include <subprocess/unique_fd.hpp>

namespace subprocess::detail {

/// A close-on-exec descriptor for an unreaped child, 3 or above; empty where
/// the system has no such thing or has none left.
unique_fd open_pidfd(pid_t pid) noexcept;

/// Whether the system has such a thing, and lets us have it. A lack of descriptors is
/// no answer to that, and then it is assumed.
bool has_pidfds() noexcept;

/// As kill().
int send_by_pidfd(int pidfd, int signal) noexcept;

} // namespace subprocess::detail
