#pragma once

#include <string>

#include <subprocess/detail/streams/capture_buffer.hpp>

namespace subprocess::detail {

/// Reads what a stream holds at this moment and hardly more: whoever writes on for
/// ever does not hold us. Never blocks.
/// \param copy  Gets all that was read, unless it is null.
/// \return      Whether the end of the stream follows: nobody else holds it.
bool read_what_is_there(int fd, capture_buffer& text, std::string* copy);

/// Presses the key for end-of-file at a terminal of the caller's: the next to read
/// a line gets it. Failing does no harm.
void end_terminal_input(int terminal) noexcept;

} // namespace subprocess::detail
