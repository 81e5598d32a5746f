#pragma once

#include <subprocess/detail/child/raw_calls.hpp>

namespace subprocess::detail {

/// Blocks every signal of this thread for as long as it lives, so that no
/// handler of the parent runs in a child that is not a program yet.
///
/// It asks the kernel itself where it can: libc leaves its own two signals out,
/// and the one for set*id would make a child that shares memory follow the
/// parent's change of user.
class signal_guard {
public:
  signal_guard() noexcept { raw::set_mask(raw::all_signals(), &old_); }
  ~signal_guard() { raw::set_mask(old_); }

  /// For a while the mask is as it was.
  void open() const noexcept { raw::set_mask(old_); }
  void close() const noexcept { raw::set_mask(raw::all_signals()); }

  signal_guard(const signal_guard&) = delete;
  signal_guard& operator=(const signal_guard&) = delete;

private:
  raw::signal_set old_;
};

} // namespace subprocess::detail
