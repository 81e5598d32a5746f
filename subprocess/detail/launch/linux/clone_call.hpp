#pragma once

#include <sys/syscall.h>

#include <cstddef>
#include <cstdint>

namespace subprocess::detail {

/// clone3(2)'s argument as of Linux 5.7, spelled out: old headers lack it.
struct clone_arguments {
  alignas(8) std::uint64_t flags;
  std::uint64_t pidfd;
  std::uint64_t child_tid;
  std::uint64_t parent_tid;
  std::uint64_t exit_signal;
  std::uint64_t stack;
  std::uint64_t stack_size;
  std::uint64_t tls;
  std::uint64_t set_tid;
  std::uint64_t set_tid_size;
  std::uint64_t cgroup;
};

/// clone3() whose child calls `function`, on the given stack or, in a memory of
/// its own, on a copy of the caller's. The child starts with no frame to return
/// to, so it takes assembly: a compiler may use the old stack between the system
/// call and the function.
///
/// All operands have registers that the kernel preserves and that nothing here
/// writes to before they are used. Left to the compiler, one of them is the frame
/// pointer, which the child zeroes to end its chain of frames. What else the child
/// changes needs no clobber: only the parent comes back to compiled code.
/// \return The child's pid, or minus an errno.
inline long clone_call(const clone_arguments& arguments, void (*function)(void*) noexcept, void* argument) noexcept
{
#if defined(__x86_64__)
  register auto r8 asm("r8") = function;
  register void* r9 asm("r9") = argument;
  long result;
  asm volatile("syscall\n\t"
               "test %%rax, %%rax\n\t"
               "jnz 1f\n\t"
               "xor %%ebp, %%ebp\n\t"
               "mov %%r9, %%rdi\n\t"
               "call *%%r8\n\t"
               "hlt\n"
               "1:"
               : "=a"(result)
               : "a"(SYS_clone3), "D"(&arguments), "S"(sizeof arguments), "r"(r8), "r"(r9)
               : "rcx", "r11", "cc", "memory");
  return result;
#elif defined(__aarch64__)
  // The stack pointer is aligned at all times, and there is no red zone.
  register long x8 asm("x8") = SYS_clone3;
  register long x0 asm("x0") = reinterpret_cast<long>(&arguments);
  register long x1 asm("x1") = sizeof arguments;
  register auto x2 asm("x2") = function;
  register void* x3 asm("x3") = argument;
  asm volatile("svc 0\n\t"
               "cbnz x0, 1f\n\t"
               "mov x29, xzr\n\t"
               "mov x0, x3\n\t"
               "blr x2\n\t"
               "brk #1\n"
               "1:"
               : "+r"(x0)
               : "r"(x8), "r"(x1), "r"(x2), "r"(x3)
               : "cc", "memory");
  return x0;
#endif
}

} // namespace subprocess::detail
