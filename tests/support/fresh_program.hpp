#pragma once

#include <functional>

namespace subprocess::tests {

/// For what a program's first launch decides. Called first in a test, it runs that
/// test again in a new run of this program, which has launched nothing yet but for
/// what the test's fixture launches.
///
/// \param before  Runs in the new process before it becomes the program: closes
///                standard streams, lowers limits.
/// \return        True in the original: all is done, what failed there has failed
///                here. False in the new run: the test's body follows.
bool tried_in_fresh_program(const std::function<void()>& before = [] {});

} // namespace subprocess::tests
