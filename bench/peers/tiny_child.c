// The child of every measurement: as little program as there can be, so that
// what is measured is the library and the kernel, not the child.
//
//   tiny_child             exits 0 at once
//   tiny_child write N     writes N bytes to standard output, exits 0
//   tiny_child pause       sleeps until it is killed

#include "tiny_program.h"

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
