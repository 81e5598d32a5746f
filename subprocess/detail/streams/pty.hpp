#pragma once

#include <subprocess/stdio.hpp>
#include <subprocess/unique_fd.hpp>
#include <subprocess/window_size.hpp>

namespace subprocess::detail {

// Each function returns 0 or an errno.

/// Both ends of a new pseudo-terminal, close-on-exec and 3 or above.
int open_pty(const stdio::terminal_shape& shape, unique_fd& ours, unique_fd& theirs) noexcept;

/// Tells the terminal's foreground processes too, by SIGWINCH.
int set_window_size(int terminal, window_size size) noexcept;

} // namespace subprocess::detail
