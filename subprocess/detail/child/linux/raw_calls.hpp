#pragma once

// System calls without libc, for code that may share its address space, and so
// its errno and its locks, with a running parent. libc's setuid() and its kin
// would signal every thread of the parent; these concern the caller alone.
//
// Each returns what the kernel does: a value, or minus an errno.

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstddef>

#include <subprocess/detail/child/child_plan.hpp>

namespace subprocess::detail {
struct child_report;
}

namespace subprocess::detail::raw {

#if defined(__x86_64__)
inline long call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0) noexcept
{
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  long result;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
               : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
inline long call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0) noexcept
{
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  register long x3 asm("x3") = d;
  register long x4 asm("x4") = e;
  asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
  return x0;
}
#else
#error "no raw system calls for this processor: build with -Dplatform=posix"
#endif

inline long address(const void* pointer) noexcept
{
  return reinterpret_cast<long>(pointer);
}

inline long dup_above(int from, int lowest) noexcept
{
  return call(SYS_fcntl, from, F_DUPFD_CLOEXEC, lowest);
}
inline long close(int fd) noexcept
{
  return call(SYS_close, fd);
}
inline long clear_close_on_exec(int fd) noexcept
{
  return call(SYS_fcntl, fd, F_SETFD, 0);
}
inline long set_close_on_exec(int fd) noexcept
{
  return call(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC);
}
/// FD_CLOEXEC or 0.
inline long descriptor_flags(int fd) noexcept
{
  return call(SYS_fcntl, fd, F_GETFD);
}
inline long write(int fd, const void* data, std::size_t size) noexcept
{
  return call(SYS_write, fd, address(data), static_cast<long>(size));
}
inline long setsid() noexcept
{
  return call(SYS_setsid);
}
inline long setpgid(pid_t group) noexcept
{
  return call(SYS_setpgid, 0, group);
}
inline long setgroups(std::size_t count, const gid_t* ids) noexcept
{
  return call(SYS_setgroups, static_cast<long>(count), address(ids));
}
inline long setgid(gid_t id) noexcept
{
  return call(SYS_setgid, static_cast<long>(id));
}
inline long setuid(uid_t id) noexcept
{
  return call(SYS_setuid, static_cast<long>(id));
}
inline long chdir(const char* path) noexcept
{
  return call(SYS_chdir, address(path));
}
inline long execve(const char* path, char* const* argv, char* const* envp) noexcept
{
  return call(SYS_execve, address(path), address(argv), address(envp));
}
[[noreturn]] inline void exit(int code) noexcept
{
  for (;;)
    call(SYS_exit_group, code);
}

// The kernel's own form of the signal structures; libc's differ.
using signal_set = unsigned long; // 64 signals.
struct signal_action {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)();
  signal_set mask;
};
inline constexpr int signal_count = 64;

inline long get_action(int signal, signal_action& action) noexcept
{
  return call(SYS_rt_sigaction, signal, 0, address(&action), sizeof(signal_set));
}
inline long set_default(int signal) noexcept
{
  const signal_action action{};
  return call(SYS_rt_sigaction, signal, address(&action), 0, sizeof(signal_set));
}
inline long set_mask(const signal_set& wanted, signal_set* old = nullptr) noexcept
{
  return call(SYS_rt_sigprocmask, SIG_SETMASK, address(&wanted), address(old), sizeof(signal_set));
}
inline signal_set all_signals() noexcept
{
  return ~0UL;
}
inline signal_set no_signals() noexcept
{
  return 0;
}
inline void add_signal(signal_set& set, int signal) noexcept
{
  set |= 1UL << (signal - 1);
}

/// Whether there is such a file: 0, or why there is none.
inline long look_for(const char* path) noexcept
{
  return call(SYS_faccessat, AT_FDCWD, address(path), F_OK);
}

/// \return The new descriptor, close-on-exec.
long open_file(const char* path, int flags) noexcept;

/// A file that holds a text and cannot be written to, to be read from its start.
/// \return The new descriptor, close-on-exec.
long make_text_file(const char* text, std::size_t size) noexcept;

/// As dup2().
long dup_onto(int from, int to) noexcept;

/// That of none, when nothing is open there.
file_identity identity_of(int fd) noexcept;

void make_blocking(int fd) noexcept;

/// Wakes who waits for a change of the word.
void wake(std::atomic<unsigned>& word) noexcept;

/// From now on the kernel marks the report's word when this process becomes a
/// program or ends. Not for a process that shares its memory.
/// \source set_robust_list(2); linux/Documentation/locking/robust-futex-ABI.
void mark_at_release(child_report& report) noexcept;

/// Closes the descriptors first..last.
void close_range(unsigned first, unsigned last) noexcept;

/// Ends the sharing of a descriptor table (CLONE_FILES) with `first` and all
/// above it gone: what is not needed is not even copied.
long unshare_descriptors(unsigned first) noexcept;

/// Marks the descriptors first..last close-on-exec.
void close_range_on_exec(unsigned first, unsigned last) noexcept;

} // namespace subprocess::detail::raw
