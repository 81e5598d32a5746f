#pragma once

#include <system_error>

#include <subprocess/path_argument.hpp>

namespace subprocess {

/// Kills every process in a control group and in those below it, at once: no
/// fork() escapes, as one can from a process group.
///
/// \param cgroup  The directory of a cgroup of version 2.
/// \param ec      `ENOENT`: no such cgroup, or a kernel before 5.14, or the root
///                cgroup. `EACCES`: it is not ours. `EINVAL`: a NUL byte.
/// \source        cgroups(7), cgroup.kill.
void kill_tree(const path_argument& cgroup);
void kill_tree(const path_argument& cgroup, std::error_code& ec);

} // namespace subprocess
