#pragma once

#include <cstddef>

namespace subprocess::tests {

/// How often this thread has called operator new, which the whole test program
/// has replaced for this purpose.
std::size_t allocations_here() noexcept;

/// From now on one allocation of this program throws std::bad_alloc, by whatever
/// thread: that after `others` more.
void fail_one_allocation_after(std::size_t others) noexcept;

/// Ends that.
/// \return Whether it has thrown.
bool stop_failing_allocations() noexcept;

} // namespace subprocess::tests
