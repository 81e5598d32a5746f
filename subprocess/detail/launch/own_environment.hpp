#pragma once

namespace subprocess::detail {

/// This program's own, as environ(7) has it; may be null.
char** own_environment() noexcept;

} // namespace subprocess::detail
