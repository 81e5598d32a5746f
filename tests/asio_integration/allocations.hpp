#pragma once

#include <cstddef>

namespace subprocess::tests {

/// How often this thread has called operator new, which the whole test program
/// has replaced for this purpose.
std::size_t allocations_here() noexcept;

} // namespace subprocess::tests
