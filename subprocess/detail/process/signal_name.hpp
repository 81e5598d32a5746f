#pragma once

namespace subprocess::detail {

/// "SIGKILL" for 9; null for a signal without a name.
const char* signal_name(int signal) noexcept;

} // namespace subprocess::detail
