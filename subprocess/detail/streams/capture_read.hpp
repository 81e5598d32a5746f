#pragma once

#include <sys/types.h>

#include <span>
#include <string>

#include <subprocess/detail/streams/capture_buffer.hpp>

namespace subprocess::detail {

/// Reads what a stream holds at this moment and hardly more: whoever writes on for
/// ever does not hold us. Never blocks.
/// \param copy  Gets all that was read, unless it is null.
/// \return      Whether the end of the stream follows: nobody else holds it.
bool read_what_is_there(int fd, capture_buffer& text, std::string* copy);

/// As read(2), but the end of a terminal is the end. Linux moves what was written to a
/// terminal by a worker of the kernel's, and whoever reads when that has just run and is
/// to run again gets EIO though there is more; the next read waits for it.
/// \param error  0 or an errno.
ssize_t read_past_early_end(int fd, std::span<char> room, int& error) noexcept;

/// Presses the key for end-of-file at a terminal of the caller's: the next to read
/// a line gets it. Failing does no harm.
void end_terminal_input(int terminal) noexcept;

} // namespace subprocess::detail
