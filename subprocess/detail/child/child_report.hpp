#pragma once

#include <atomic>
#include <cstddef>

#include <subprocess/detail/child/child_plan.hpp>

namespace subprocess::detail {

/// What a child tells its parent until it is a program or has ended, in memory
/// that both see. Nothing that a fork, a hook or the host can keep open or close
/// has a say in it.
///
/// The kernel itself writes the word that the verdict hangs on: it zeroes it
/// when a child that shares our memory lets go of that memory
/// (CLONE_CHILD_CLEARTID), and marks it when the owner of a robust futex does
/// (FUTEX_OWNER_DIED). Both happen in an exec and in an end, and after all that
/// the child wrote.
struct child_report {
  enum stage : int {
    preparing,
    opening, ///< A file, which can take for ever.
    in_hooks,
    executing, ///< Nothing but the exec is left.
  };

  static constexpr unsigned unreleased = 1;
  static constexpr unsigned owner_died = 0x40000000; // FUTEX_OWNER_DIED.

  std::atomic<unsigned> word = 0;
  std::atomic<unsigned> table_is_own = 0; // No descriptor is shared any more.
  std::atomic<int> at = preparing;
  std::atomic<int> opened = 0;         // Which stream is being opened.
  std::atomic<bool> is_robust = false; // The kernel will mark the word.
  child_failure failure = no_failure;  // Written before the word changes.

  // The kernel's list of robust futexes, with one element: get_robust_list(2).
  struct links {
    links* next;
  };
  struct {
    links list;
    long offset;
    links* pending;
  } robust_list = {};
  links robust_entry = {};

  bool is_released() const noexcept
  {
    const unsigned now = word.load(std::memory_order_acquire);
    return now == 0 || (now & owner_died) != 0;
  }
};

} // namespace subprocess::detail
