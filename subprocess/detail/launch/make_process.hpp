#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>

#include <subprocess/detail/child/child_main.hpp>
#include <subprocess/unique_fd.hpp>

namespace subprocess::detail {

struct made_process {
  pid_t pid = -1;
  unique_fd pidfd; // Empty where the system gives none along with the child.
};

// Each makes a child that becomes the program, and returns 0 or an errno. The signals of
// the calling thread are blocked meanwhile, since no handler may run in the child.

/// A child in the parent's memory: nothing is copied, however large the parent is.
/// \return `ENOSYS`, `EPERM` or `EINVAL` where the kernel or a sandbox does not let
///         us.
int make_sharing(const child_start& start, made_process& made) noexcept;

/// A child with a copy of the parent's memory. Every option works in it.
int make_copy(const child_start& start, made_process& made) noexcept;

/// As make_copy(), by fork() itself: hooks find a libc that knows it was copied.
int make_by_fork(const child_start& start, made_process& made) noexcept;

/// Memory for a report that a child with a copy of our memory can write to as well;
/// null without memory.
child_report* make_shared_report() noexcept;
void free_shared_report(child_report* report) noexcept;

/// Waits for as long as the word has this value, at most so long.
void wait_for_change(std::atomic<unsigned>& word, unsigned value, std::chrono::nanoseconds limit) noexcept;

/// The lowest byte of a stack for one child; null without memory, or where no child
/// needs one.
void* take_stack() noexcept;
void give_back_stack(void* stack) noexcept;

} // namespace subprocess::detail
