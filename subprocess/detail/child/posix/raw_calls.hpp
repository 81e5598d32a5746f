#pragma once

// The calls between fork and exec where nothing is known but POSIX: libc's,
// which signal-safety(7) lists. setgroups() is on no standard's list; like the
// others it is a bare system call on the systems this is for.
//
// Each returns a value, or minus an errno.

#include <fcntl.h>
#include <grp.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>

#include <subprocess/detail/child/child_plan.hpp>

namespace subprocess::detail {
struct child_report;
}

namespace subprocess::detail::raw {

inline long result_of(long result) noexcept
{
  return result == -1 ? -errno : result;
}

inline long dup_onto(int from, int to) noexcept
{
  return result_of(::dup2(from, to));
}
inline long dup_above(int from, int lowest) noexcept
{
  return result_of(::fcntl(from, F_DUPFD_CLOEXEC, lowest));
}
inline long close(int fd) noexcept
{
  return result_of(::close(fd));
}
inline long clear_close_on_exec(int fd) noexcept
{
  return result_of(::fcntl(fd, F_SETFD, 0));
}
inline long set_close_on_exec(int fd) noexcept
{
  return result_of(::fcntl(fd, F_SETFD, FD_CLOEXEC));
}
inline long write(int fd, const void* data, std::size_t size) noexcept
{
  return result_of(::write(fd, data, size));
}
inline long setsid() noexcept
{
  return result_of(::setsid());
}
inline long setpgid(pid_t group) noexcept
{
  return result_of(::setpgid(0, group));
}
/// The systems do not agree on the type of the count.
template <class Count>
long setgroups_by(int (*call)(Count, const gid_t*), std::size_t count, const gid_t* ids) noexcept
{
  return result_of(call(static_cast<Count>(count), ids));
}
inline long setgroups(std::size_t count, const gid_t* ids) noexcept
{
  return setgroups_by(::setgroups, count, ids);
}
inline long setgid(gid_t id) noexcept
{
  return result_of(::setgid(id));
}
inline long setuid(uid_t id) noexcept
{
  return result_of(::setuid(id));
}
inline long chdir(const char* path) noexcept
{
  return result_of(::chdir(path));
}
inline long execve(const char* path, char* const* argv, char* const* envp) noexcept
{
  return result_of(::execve(path, argv, envp));
}
[[noreturn]] inline void exit(int code) noexcept
{
  ::_exit(code);
}

using signal_set = sigset_t;
struct signal_action {
  void (*handler)(int);
};
#ifdef _NSIG
inline constexpr int signal_count = _NSIG - 1;
#else
inline constexpr int signal_count = NSIG - 1;
#endif

inline long get_action(int signal, signal_action& action) noexcept
{
  struct sigaction current;
  const long result = result_of(::sigaction(signal, nullptr, &current));
  if (result == 0)
    action.handler = current.sa_handler; // One storage with sa_sigaction.
  return result;
}
inline long set_default(int signal) noexcept
{
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  return result_of(::sigaction(signal, &action, nullptr));
}
inline long set_mask(const signal_set& wanted, signal_set* old = nullptr) noexcept
{
  return -::pthread_sigmask(SIG_SETMASK, &wanted, old);
}
// Macros on some systems: no :: before these.
inline signal_set all_signals() noexcept
{
  signal_set set;
  sigfillset(&set);
  return set;
}
inline signal_set no_signals() noexcept
{
  signal_set set;
  sigemptyset(&set);
  return set;
}
inline void add_signal(signal_set& set, int signal) noexcept
{
  sigaddset(&set, signal);
}

/// FD_CLOEXEC or 0.
inline long descriptor_flags(int fd) noexcept
{
  return result_of(::fcntl(fd, F_GETFD));
}

/// Whether there is such a file: 0, or why there is none.
inline long look_for(const char* path) noexcept
{
  return result_of(::faccessat(AT_FDCWD, path, F_OK, 0));
}

// What takes more than a call; as in the other platform's file.

long open_file(const char* path, int flags) noexcept;
long make_text_file(const char* text, std::size_t size) noexcept;
file_identity identity_of(int fd) noexcept;
void make_blocking(int fd) noexcept;
void close_range(unsigned first, unsigned last) noexcept;
void close_range_on_exec(unsigned first, unsigned last) noexcept;

// No table of descriptors is ever shared, and nothing but the end of a pipe tells
// that a process has let go of its memory.

inline long unshare_descriptors(unsigned) noexcept
{
  return -EOPNOTSUPP;
}
inline void wake(std::atomic<unsigned>&) noexcept
{
}
inline void mark_at_release(child_report&) noexcept
{
}

} // namespace subprocess::detail::raw
