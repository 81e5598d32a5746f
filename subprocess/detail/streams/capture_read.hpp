#pragma once

#include <subprocess/detail/streams/capture_buffer.hpp>

namespace subprocess::detail {

/// Reads what a stream holds at this moment and no more: whoever writes on for
/// ever does not hold us. Never blocks.
void read_what_is_there(int fd, capture_buffer& text);

/// Tells a child on a terminal that no input comes: end-of-file for whoever reads
/// a line. Failing does no harm.
void end_terminal_input(int terminal) noexcept;

} // namespace subprocess::detail
