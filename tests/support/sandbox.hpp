#pragma once

#include <initializer_list>
#include <span>

namespace subprocess::tests {

/// From now on the kernel refuses these system calls to this process and its
/// children with `error`. For an isolated() copy: it cannot be undone.
/// \return Whether the kernel took the filter.
/// \source seccomp(2).
bool refuse_calls(std::span<const long> numbers, int error);
inline bool refuse_calls(std::initializer_list<long> numbers, int error)
{
  return refuse_calls(std::span(numbers.begin(), numbers.size()), error);
}

} // namespace subprocess::tests
