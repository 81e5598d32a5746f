// A program of less than a page: freestanding on x86-64 and aarch64, without libc;
// elsewhere an ordinary static one. Who includes it writes run(), and gets read_in(),
// write_out() and sleep_for_ever().

static int run(long argc, char** argv);

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))

#include <sys/syscall.h>

static long system_call(long number, long a, long b, long c, long d)
{
#if defined(__x86_64__)
  long result;
  register long r10 __asm__("r10") = d;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                   : "rcx", "r11", "memory");
  return result;
#else
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  return x0;
#endif
}

static inline long read_in(char* bytes, long count) { return system_call(SYS_read, 0, (long)bytes, count, 0); }
static inline long write_out(const char* bytes, long count) { return system_call(SYS_write, 1, (long)bytes, count, 0); }

// ppoll() on nothing: aarch64 has no pause().
static inline void sleep_for_ever(void) { system_call(SYS_ppoll, 0, 0, 0, 0); }

static void leave(int code)
{
  for (;;)
    system_call(SYS_exit_group, code, 0, 0, 0);
}

// The stack at entry holds argc, then argv (System V ABI, "process
// initialization"); the real entry hands its address on.
__attribute__((used)) static void start_on(long* stack) { leave(run(stack[0], (char**)(stack + 1))); }

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call start_on\n");
#else
__asm__(".globl _start\n_start:\n  mov x0, sp\n  bl start_on\n");
#endif

#else

#include <unistd.h>

static inline long read_in(char* bytes, long count) { return read(0, bytes, (size_t)count); }
static inline long write_out(const char* bytes, long count) { return write(1, bytes, (size_t)count); }
static inline void sleep_for_ever(void) { pause(); }
int main(int argc, char** argv) { return run(argc, argv); }

#endif
