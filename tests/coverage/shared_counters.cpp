// Lets a program and all its copies count in the same memory. Else what a child runs is lost: it goes by exec,
// by _exit or by a signal, and none of them writes counters.

#include <cstdint>

#include <sys/mman.h>

extern "C" {
extern char shared_counters_begin[];
extern char shared_counters_end[];
}

// Before everything that counts.
[[gnu::constructor(101)]] static void share_counters()
{
  const auto size =
      reinterpret_cast<std::uintptr_t>(shared_counters_end) - reinterpret_cast<std::uintptr_t>(shared_counters_begin);
  if (size)
    ::mmap(shared_counters_begin, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}
