#pragma once

#include <functional>
#include <string_view>
#include <system_error>
#include <vector>

namespace subprocess::tests {

/// A hook for command::pre_exec() that treats descriptors and processes as its own.
struct hostile_hook {
  std::string_view name;
  std::function<std::error_code()> run;
  bool leaves_descriptors = false;
};

/// Whether a launch can do without its pipe, since the kernel marks a word at the
/// exec. The portable build cannot: a hook that closes or replaces the pipe is a
/// failure there, `EBADF` at step pre_exec, and the program is not run.
#ifdef SUBPROCESS_LINUX_OPTIONS
constexpr bool kernel_marks_the_exec = true;
#else
constexpr bool kernel_marks_the_exec = false;
#endif

/// Hooks that close every descriptor, put others onto them, fork again as a daemon
/// does, and several of these one after the other. None of them fails.
const std::vector<hostile_hook>& hostile_hooks();

} // namespace subprocess::tests
