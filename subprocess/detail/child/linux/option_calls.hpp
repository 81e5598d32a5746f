#pragma once

// The system calls behind child_options, in the manner of raw_calls.hpp.

#include <fcntl.h>
#include <linux/prctl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include <cstddef>

#include <subprocess/process_options.hpp>

#include <subprocess/detail/child/raw_calls.hpp>

namespace subprocess::detail::raw {

/// Writes all of `text` at once.
long write_file(const char* path, const char* text) noexcept;

/// \param directory  The cgroup's.
long enter_cgroup(int directory) noexcept;

/// The CLONE_NEW flags of the sum of new_namespace.
unsigned namespace_flags(unsigned namespaces) noexcept;

long unshare(unsigned namespaces) noexcept;
long make_mounts_private() noexcept;

/// Makes the capabilities inheritable and ambient.
/// \param drop_others  Whether no others stay permitted.
/// \param item         Set to the place of the one that could not be raised.
long raise_ambient(const int* numbers, std::size_t count, bool drop_others, int& item) noexcept;

inline long set_oom_score_adj(const char* text) noexcept
{
  return write_file("/proc/self/oom_score_adj", text);
}
inline long set_controlling_terminal(int fd) noexcept
{
  return call(SYS_ioctl, fd, TIOCSCTTY, 0);
}
inline pid_t own_group() noexcept
{
  return static_cast<pid_t>(call(SYS_getpgid, 0));
}
/// 0 when it is of another pid namespace.
inline long foreground_group(int fd) noexcept
{
  pid_t group = 0;
  const long result = call(SYS_ioctl, fd, TIOCGPGRP, address(&group));
  return result < 0 ? result : group;
}
inline long set_foreground(int fd, pid_t group) noexcept
{
  return call(SYS_ioctl, fd, TIOCSPGRP, address(&group));
}
inline long set_limit(const process_options::resource_limit& limit) noexcept
{
  const struct {
    unsigned long long soft;
    unsigned long long hard;
  } value{limit.soft, limit.hard}; // RLIM_INFINITY is all ones, here as there.
  return call(SYS_prlimit64, 0, limit.resource, address(&value));
}
inline long set_scheduling(const process_options::scheduling_policy& wanted) noexcept
{
  return call(SYS_sched_setscheduler, 0, wanted.policy, address(&wanted.priority)); // sched_param is this int.
}
inline long set_nice(int value) noexcept
{
  return call(SYS_setpriority, PRIO_PROCESS, 0, value);
}
inline long set_affinity(const unsigned long* cpus, std::size_t size) noexcept
{
  return call(SYS_sched_setaffinity, 0, static_cast<long>(size), address(cpus));
}
inline void set_umask(mode_t mode) noexcept
{
  call(SYS_umask, static_cast<long>(mode));
}
inline long chroot(const char* path) noexcept
{
  return call(SYS_chroot, address(path));
}
inline long keep_capabilities() noexcept
{
  return call(SYS_prctl, PR_SET_KEEPCAPS, 1);
}
inline long set_no_new_privs() noexcept
{
  return call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1);
}
inline long set_parent_death_signal(int number) noexcept
{
  return call(SYS_prctl, PR_SET_PDEATHSIG, number);
}
inline pid_t parent() noexcept
{
  return static_cast<pid_t>(call(SYS_getppid));
}
inline long own_pid() noexcept
{
  return call(SYS_getpid);
}
inline long signal_self(int number) noexcept
{
  return call(SYS_kill, own_pid(), number);
}
inline long execute_descriptor(int fd, char* const* argv, char* const* envp) noexcept
{
  return call(SYS_execveat, fd, address(""), address(argv), address(envp), AT_EMPTY_PATH);
}
inline void sleep_one_millisecond() noexcept
{
  const struct {
    long seconds;
    long nanoseconds;
  } time{0, 1'000'000};
  call(SYS_nanosleep, address(&time), 0);
}

} // namespace subprocess::detail::raw
