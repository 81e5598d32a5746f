#pragma once

#include <subprocess/detail/child/child_plan.hpp>

namespace subprocess::detail {

/// Becomes the program. Returns only when a step failed.
child_failure become_program(child_plan& plan) noexcept;

/// The last step: the search for the program, and the exec.
child_failure execute(const child_plan& plan) noexcept;

/// Runs the hooks in order; the errno of the first that fails, or 0.
int run_hooks(const child_plan& plan, int& item) noexcept;

} // namespace subprocess::detail
