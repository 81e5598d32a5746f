#pragma once

#include <atomic>

#include <subprocess/detail/launch/launcher.hpp>

namespace subprocess::detail {

// The fast launcher: the child shares the parent's memory until it is a program,
// so that nothing is copied, however large the parent is.
//
// Both functions return 0 or the errno of `spawn_step::fork`: `ENOSYS`, `EPERM`
// or `EINVAL` where the kernel or a sandbox does not let us.

/// The calling thread stands still until the child is a program or has ended.
/// \param failure  What the child failed at; its error is 0 when it runs.
int clone_and_wait(launch_plan& plan, started_child& child, child_failure& failure) noexcept;

/// What a child uses of its parent's memory while it runs beside the parent. It
/// stays where it is until in_use is 0, which the kernel makes it when the child
/// becomes a program or ends.
struct shared_launch {
  child_plan* plan = nullptr;
  unsigned above_sources = 0; // Descriptors from here on are not needed; 0: keep all.
  child_failure failure{};
  void* stack = nullptr; // From a pool.
  std::atomic<int> in_use = 0;

  shared_launch() noexcept = default;
  shared_launch(const shared_launch&) = delete;
  shared_launch& operator=(const shared_launch&) = delete;
  ~shared_launch();
};

/// Returns at once. The end of an outcome pipe, which the caller has made and
/// whose write end it then closes, tells that the child is a program or has
/// ended, and `shared.failure` which.
///
/// The child's descriptor table is a copy: for a parent with thousands of
/// descriptors this holds the caller for long.
int clone_beside(launch_plan& plan, started_child& child, shared_launch& shared) noexcept;

} // namespace subprocess::detail
