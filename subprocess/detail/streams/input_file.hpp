#pragma once

#include <string_view>

#include <subprocess/unique_fd.hpp>

namespace subprocess::detail {

/// A file without a name that holds `data`, to be read from its start, and that
/// the reader cannot change where the system can see to that. Close-on-exec, and
/// 3 or above. Returns 0 or an errno.
int make_input_file(std::string_view data, unique_fd& file) noexcept;

/// Writes all of it, and goes back to the start. For the above.
int fill(int file, std::string_view data) noexcept;

} // namespace subprocess::detail
