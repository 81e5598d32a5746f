#pragma once

#include <string>

namespace subprocess::detail {

/// "NOFILE" for RLIMIT_NOFILE; the number where there is no name.
std::string limit_name(int resource);

} // namespace subprocess::detail
