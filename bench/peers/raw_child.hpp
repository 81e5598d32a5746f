// A child that shares this process's memory until it executes a program: the
// code that starts it, and the code that it runs.
//
// Thread-local storage is shared too, errno with it, so the child makes raw
// system calls only, and leaves by execve() or exit_group().

#pragma once

#include "epoll_loop.hpp"

#include <linux/sched.h>
#include <sys/utsname.h>

namespace bench {

#if defined(__x86_64__)

inline long raw_call(long number, long a, long b = 0, long c = 0, long d = 0)
{
  long result;
  register long r10 asm("r10") = d;
  asm volatile("syscall"
               : "=a"(result)
               : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
               : "rcx", "r11", "memory");
  return result;
}

// The child begins on the stack that the arguments name, so it must not return
// into this function's frame: it calls `entry`, which never comes back.
inline long clone_and_call(clone_args& args, void (*entry)(void*), void* argument)
{
  // Not left to the compiler, which could choose the register that is zeroed.
  register auto r8 asm("r8") = entry;
  register void* r9 asm("r9") = argument;
  long result;
  asm volatile("syscall\n\t"
               "test %%rax, %%rax\n\t"
               "jnz 1f\n\t"
               "xor %%ebp, %%ebp\n\t"
               "mov %%r9, %%rdi\n\t"
               "call *%%r8\n\t"
               "ud2\n"
               "1:"
               : "=a"(result)
               : "0"(static_cast<long>(SYS_clone3)), "D"(&args), "S"(sizeof args), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

#elif defined(__aarch64__)

inline long raw_call(long number, long a, long b = 0, long c = 0, long d = 0)
{
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  register long x3 asm("x3") = d;
  asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  return x0;
}

inline long clone_and_call(clone_args& args, void (*entry)(void*), void* argument)
{
  register long x8 asm("x8") = SYS_clone3;
  register long x0 asm("x0") = reinterpret_cast<long>(&args);
  register long x1 asm("x1") = sizeof args;
  asm volatile("svc 0\n\t"
               "cbnz x0, 1f\n\t"
               "mov x29, xzr\n\t"
               "mov x0, %[argument]\n\t"
               "blr %[entry]\n\t"
               "brk 1\n"
               "1:"
               : "+r"(x0)
               : "r"(x8), "r"(x1), [entry] "r"(entry), [argument] "r"(argument)
               : "memory");
  return x0;
}

#endif

/// Everything the child needs, plain data that the parent keeps until exec is over.
struct raw_plan {
  char* const* argv = nullptr;
  char* const* envp = nullptr;
  int stdout_fd = -1;
  bool signals_blocked = false;
  int stdin_fd = -1;
};

[[noreturn]] inline void run_raw_child(const raw_plan& plan)
{
  if (plan.signals_blocked) {
    const std::uint64_t none = 0;
    raw_call(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<long>(&none), 0, sizeof none);
  }
  const long null = raw_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>("/dev/null"), O_RDWR | O_CLOEXEC);
  raw_call(SYS_dup3, plan.stdin_fd != -1 ? plan.stdin_fd : null, STDIN_FILENO);
  raw_call(SYS_dup3, plan.stdout_fd != -1 ? plan.stdout_fd : null, STDOUT_FILENO);
  raw_call(SYS_dup3, null, STDERR_FILENO);
  raw_call(SYS_execve, reinterpret_cast<long>(plan.argv[0]), reinterpret_cast<long>(plan.argv),
           reinterpret_cast<long>(plan.envp));
  for (;;)
    raw_call(SYS_exit_group, 127);
}

inline std::string kernel_version()
{
  utsname name{};
  ::uname(&name);
  return name.release;
}

constexpr std::size_t raw_stack_size = 8192;

/// Starts run_raw_child() on `stack` in shared memory.
inline launched clone_raw_child(std::uint64_t flags, char* stack, raw_plan& plan)
{
  int pidfd = -1;
  clone_args args{};
  args.flags = CLONE_VM | CLONE_PIDFD | flags;
  args.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  args.stack = reinterpret_cast<std::uintptr_t>(stack);
  args.stack_size = raw_stack_size;
  const auto entry = [](void* given) { run_raw_child(*static_cast<raw_plan*>(given)); };
  const long pid = clone_and_call(args, entry, &plan);
  require(pid > 0, "clone3");
  return {static_cast<pid_t>(pid), pidfd};
}

} // namespace bench
