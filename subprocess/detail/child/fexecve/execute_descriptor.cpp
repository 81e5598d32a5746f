// Runs in the child; what holds for child_main.cpp holds here.

#include <subprocess/detail/child/option_calls.hpp>

#include <unistd.h>

namespace subprocess::detail::raw {

long execute_descriptor(int fd, char* const* argv, char* const* envp) noexcept
{
  return result_of(::fexecve(fd, argv, envp));
}

} // namespace subprocess::detail::raw
