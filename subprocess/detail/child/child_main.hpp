#pragma once

#include <subprocess/detail/child/child_plan.hpp>
#include <subprocess/detail/child/child_report.hpp>

namespace subprocess::detail {

/// What a new child is given: it reads the plan, and writes the report.
struct child_start {
  child_plan* plan = nullptr;
  child_report* report = nullptr;
  void* stack = nullptr;
};

// What a new child does: it becomes the program, or tells why not and ends. The
// argument is its child_start.

/// In the parent's memory.
[[noreturn]] void run_sharing(void* start) noexcept;

/// In a copy of it, but for the report.
[[noreturn]] void run_copied(void* start) noexcept;

/// Becomes the program. Returns only when a step failed.
child_failure become_program(child_plan& plan, child_report& report) noexcept;

/// Puts every descriptor in its place, and closes what the program must not
/// have.
child_failure place_descriptors(child_plan& plan, child_report& report) noexcept;

/// Makes the streams that the parent leaves to the child, and places them.
child_failure make_streams(const child_plan& plan, child_report& report) noexcept;

/// The last step: the search for the program, and the exec.
child_failure execute(const child_plan& plan) noexcept;

/// Runs the hooks in order; the errno of the first that fails, or 0.
int run_hooks(const child_plan& plan, int& item) noexcept;

} // namespace subprocess::detail
