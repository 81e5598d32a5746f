#include <subprocess/detail/process/own_pid.hpp>

#include <unistd.h>

namespace subprocess::detail {

pid_t own_pid() noexcept
{
  return ::getpid();
}

} // namespace subprocess::detail
