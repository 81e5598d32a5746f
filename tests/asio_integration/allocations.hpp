#pragma once

#include <cstddef>

namespace subprocess::tests {

/// How often this thread has called operator new, which the whole test program
/// has replaced for this purpose.
std::size_t allocations_here() noexcept;

/// Of three allocations of these sizes that come one after the other, the second and
/// the third do not fail: Asio makes a strand so, and cannot bear it (its strand_impl is
/// then destroyed before it knows its service).
/// \source asio::detail::strand_executor_service::create_implementation().
void spare_rest_of(std::size_t first, std::size_t second, std::size_t third) noexcept;

/// The sizes that this thread has asked for latest, the last one first.
const std::size_t (&latest_sizes_here() noexcept)[4];

/// From now on one allocation of this program throws std::bad_alloc, by whatever
/// thread: that after `others` more.
void fail_one_allocation_after(std::size_t others) noexcept;

/// Ends that.
/// \return Whether it has thrown.
bool stop_failing_allocations() noexcept;

} // namespace subprocess::tests
