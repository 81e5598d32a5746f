#include <subprocess/detail/launch/clone_launcher.hpp>

#include <cerrno>

namespace subprocess::detail {

shared_launch::~shared_launch() = default;

int clone_and_wait(launch_plan&, started_child&, child_failure&) noexcept
{
  return ENOSYS;
}

int clone_beside(launch_plan&, started_child&, shared_launch&) noexcept
{
  return ENOSYS;
}

} // namespace subprocess::detail
