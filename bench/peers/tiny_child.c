// The child of every measurement: as little program as there can be, so that
// what is measured is the library and the kernel, not the child.
//
//   tiny_child             exits 0 at once
//   tiny_child write N     writes N bytes to standard output, exits 0
//   tiny_child pause       sleeps until it is killed
//
// On x86-64 and aarch64 it is freestanding: no libc, less than a page of
// image. Elsewhere it is an ordinary static program.

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

static long write_out(const char* bytes, long count)
{
  return system_call(SYS_write, 1, (long)bytes, count, 0);
}

// ppoll() on nothing: aarch64 has no pause().
static void sleep_for_ever(void) { system_call(SYS_ppoll, 0, 0, 0, 0); }

static void leave(int code)
{
  for (;;)
    system_call(SYS_exit_group, code, 0, 0, 0);
}

static int run(long argc, char** argv);

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

static long write_out(const char* bytes, long count) { return write(1, bytes, (size_t)count); }
static void sleep_for_ever(void) { pause(); }
static int run(long argc, char** argv);
int main(int argc, char** argv) { return run(argc, argv); }

#endif

// A function of its own, so that only the writing child pays for the block. What
// the block holds does not matter; on the stack it adds nothing to the image.
__attribute__((noinline)) static int write_zeros(long left)
{
  char block[65536];
  while (left > 0) {
    const long written = write_out(block, left < (long)sizeof block ? left : (long)sizeof block);
    if (written <= 0)
      return 1;
    left -= written;
  }
  return 0;
}

static int run(long argc, char** argv)
{
  if (argc == 1)
    return 0;
  if (argv[1][0] == 'p')
    for (;;)
      sleep_for_ever();
  if (argv[1][0] != 'w' || argc != 3)
    return 2;

  long count = 0;
  for (const char* digit = argv[2]; *digit; ++digit)
    count = count * 10 + (*digit - '0');
  return write_zeros(count);
}
