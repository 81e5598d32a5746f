// Runs in the child; what holds for child_main.cpp holds here.

#include <subprocess/detail/child/option_calls.hpp>

namespace subprocess::detail::raw {

// And there is no path that stands for a descriptor to execve().
long execute_descriptor(int, char* const*, char* const*) noexcept
{
  return -EOPNOTSUPP;
}

} // namespace subprocess::detail::raw
