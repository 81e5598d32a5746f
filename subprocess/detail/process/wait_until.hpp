#pragma once

#include <chrono>

#include <subprocess/detail/process/process.hpp>

namespace subprocess::detail {

/// Blocks until the child has ended or `limit` has passed; reaps nothing.
void wait_until_ended(process& child, std::chrono::nanoseconds limit) noexcept;

} // namespace subprocess::detail
