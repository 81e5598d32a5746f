#include <subprocess/detail/launch/own_environment.hpp>

extern char** environ;

namespace subprocess::detail {

char** own_environment() noexcept
{
  return environ;
}

} // namespace subprocess::detail
