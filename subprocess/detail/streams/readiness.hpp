#pragma once

#include <poll.h>

#include <span>

namespace subprocess::detail {

/// As poll(2), but it works with descriptors that were open before RLIMIT_NOFILE
/// was lowered: poll() refuses to look at more than the limit says, select() does
/// not. All ask for POLLIN, and negative ones are not among them.
/// \param timeout  In milliseconds; -1 for ever.
/// \param error    0 or an errno.
/// \return         How many have something to tell; 0 with an error.
int wait_until_ready(std::span<pollfd> watched, int timeout, int& error) noexcept;

/// Whether nobody holds the other end of an open pipe, socket or terminal any
/// more. Unread data does not matter, unless the limit of descriptors is zero: then
/// it comes first.
bool is_hung_up(int fd) noexcept;

} // namespace subprocess::detail
