#pragma once

#include <functional>
#include <string>
#include <vector>

namespace subprocess::tests {

/// Some newer system calls that the library may make, and their names.
struct refused_calls {
  std::vector<long> numbers;
  std::string names;
};

/// Each of them alone, and all together.
std::vector<refused_calls> refused_alone_and_together();

/// Every two of them.
std::vector<refused_calls> refused_in_pairs();

/// Runs `body` in an isolated() copy for each set, where the kernel refuses these
/// calls with `error`, ENOSYS or EPERM.
void for_each_refusal(const std::vector<refused_calls>& sets, int error,
                      const std::function<void(const refused_calls&)>& body);

} // namespace subprocess::tests
