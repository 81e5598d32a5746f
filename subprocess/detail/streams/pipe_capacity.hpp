#pragma once

#include <cstddef>

namespace subprocess::detail {

/// Makes the pipe hold at least so many bytes. Returns 0 or an errno.
int set_pipe_capacity(int pipe, std::size_t bytes) noexcept;

} // namespace subprocess::detail
