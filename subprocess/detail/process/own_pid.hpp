#pragma once

#include <sys/types.h>

namespace subprocess::detail {

/// The number of this process, which is another in a fork of the program. Costs
/// no system call where the kernel tells of forks. Not for a child that shares
/// our memory.
pid_t own_pid() noexcept;

} // namespace subprocess::detail
