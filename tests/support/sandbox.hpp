#pragma once

#include <initializer_list>

namespace subprocess::tests {

/// From now on the kernel refuses these system calls to this process and its
/// children with `error`. For an isolated() copy: it cannot be undone.
/// \return Whether the kernel took the filter.
/// \source seccomp(2).
bool refuse_calls(std::initializer_list<long> numbers, int error);

} // namespace subprocess::tests
