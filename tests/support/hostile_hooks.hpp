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
};

/// Hooks that close every descriptor, put others onto them, fork again as a daemon
/// does, and several of these one after the other. None of them fails.
const std::vector<hostile_hook>& hostile_hooks();

} // namespace subprocess::tests
