#pragma once

// The calls behind child_options where nothing is known but POSIX. What only
// Linux has is `EOPNOTSUPP`.

#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <ctime>

#include <subprocess/process_options.hpp>

#include <subprocess/detail/child/raw_calls.hpp>

namespace subprocess::detail::raw {

inline long write_file(const char*, const char*) noexcept
{
  return -EOPNOTSUPP;
}
inline long enter_cgroup(int) noexcept
{
  return -EOPNOTSUPP;
}
inline long unshare(unsigned) noexcept
{
  return -EOPNOTSUPP;
}
inline long make_mounts_private() noexcept
{
  return -EOPNOTSUPP;
}
inline long raise_ambient(const int*, std::size_t, bool, int&) noexcept
{
  return -EOPNOTSUPP;
}
inline long set_oom_score_adj(const char*) noexcept
{
  return -EOPNOTSUPP;
}
inline long set_affinity(const unsigned long*, std::size_t) noexcept
{
  return -EOPNOTSUPP;
}
inline long keep_capabilities() noexcept
{
  return -EOPNOTSUPP;
}
inline long set_no_new_privs() noexcept
{
  return -EOPNOTSUPP;
}
inline long set_parent_death_signal(int) noexcept
{
  return -EOPNOTSUPP;
}

inline long set_controlling_terminal(int fd) noexcept
{
#ifdef TIOCSCTTY
  return result_of(::ioctl(fd, TIOCSCTTY, 0));
#else
  static_cast<void>(fd);
  return -EOPNOTSUPP;
#endif
}
inline pid_t own_group() noexcept
{
  return ::getpgrp();
}
inline long foreground_group(int fd) noexcept
{
  return result_of(::tcgetpgrp(fd));
}
inline long set_foreground(int fd, pid_t group) noexcept
{
  return result_of(::tcsetpgrp(fd, group));
}
inline long set_limit(const process_options::resource_limit& limit) noexcept
{
  const ::rlimit value{limit.soft, limit.hard};
  return result_of(::setrlimit(static_cast<decltype(RLIMIT_CPU)>(limit.resource), &value));
}
inline long set_scheduling(const process_options::scheduling_policy& wanted) noexcept
{
#if defined(_POSIX_PRIORITY_SCHEDULING) && _POSIX_PRIORITY_SCHEDULING != -1
  sched_param parameter{};
  parameter.sched_priority = wanted.priority;
  return result_of(::sched_setscheduler(0, wanted.policy, &parameter));
#else
  static_cast<void>(wanted);
  return -EOPNOTSUPP;
#endif
}
inline long set_nice(int value) noexcept
{
  return result_of(::setpriority(PRIO_PROCESS, 0, value));
}
inline void set_umask(mode_t mode) noexcept
{
  ::umask(mode);
}
inline long chroot(const char* path) noexcept
{
  return result_of(::chroot(path));
}
inline pid_t parent() noexcept
{
  return ::getppid();
}
inline long own_pid() noexcept
{
  return ::getpid();
}

/// fexecve(), in a file of its own: not every system has it.
long execute_descriptor(int fd, char* const* argv, char* const* envp) noexcept;

inline void sleep_one_millisecond() noexcept
{
  const timespec time{0, 1'000'000};
  ::nanosleep(&time, nullptr);
}
inline long signal_self(int number) noexcept
{
  return result_of(::kill(::getpid(), number));
}

} // namespace subprocess::detail::raw
