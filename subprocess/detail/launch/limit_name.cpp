#include <subprocess/detail/launch/limit_name.hpp>

#include <sys/resource.h>

namespace subprocess::detail {

// POSIX has the first seven; the rest is where it is.
std::string limit_name(int resource)
{
  constexpr struct {
    int resource;
    const char* name;
  } names[] = {
      {RLIMIT_CORE, "CORE"},       {RLIMIT_CPU, "CPU"},     {RLIMIT_DATA, "DATA"}, {RLIMIT_FSIZE, "FSIZE"},
      {RLIMIT_NOFILE, "NOFILE"},   {RLIMIT_STACK, "STACK"}, {RLIMIT_AS, "AS"},
#ifdef RLIMIT_NPROC
      {RLIMIT_NPROC, "NPROC"},
#endif
#ifdef RLIMIT_MEMLOCK
      {RLIMIT_MEMLOCK, "MEMLOCK"},
#endif
#ifdef RLIMIT_RTPRIO
      {RLIMIT_RTPRIO, "RTPRIO"},   {RLIMIT_NICE, "NICE"},
#endif
  };
  for (const auto& each : names)
    if (each.resource == resource)
      return each.name;
  return std::to_string(resource);
}

} // namespace subprocess::detail
