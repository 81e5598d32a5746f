#pragma once

#include <cstddef>

namespace subprocess::detail {

// Stacks for children that run in their parent's memory, and must not overwrite
// the frames of its threads. Below each lies a guard. They are pooled: making one
// costs more than all the rest of the preparation.

constexpr std::size_t child_stack_size = 32 * 1024;

} // namespace subprocess::detail
