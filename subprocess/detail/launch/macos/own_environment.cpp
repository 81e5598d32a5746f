#include <subprocess/detail/launch/own_environment.hpp>

#include <crt_externs.h>

namespace subprocess::detail {

// A shared library cannot refer to environ there, environ(7).
char** own_environment() noexcept
{
  return *::_NSGetEnviron();
}

} // namespace subprocess::detail
