// Which mutant is on, MUTATION tells. The notes of which are reached are in a file, MUTATIONS_REACHED, that
// children share: they may end by _exit, by a signal or by an exec.

#include "mutation_switch.hpp"

#include <cstdlib>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace {

constexpr std::size_t most_mutations = 1 << 16;
unsigned char own_notes[most_mutations];

} // namespace

int mutation_on = 0;
volatile unsigned char* mutations_reached = own_notes;

extern "C" volatile unsigned char* notes_of_mutations(std::size_t& size)
{
  size = most_mutations;
  return mutations_reached;
}

// Before every other initialization.
[[gnu::constructor(101)]] static void read_environment()
{
  if (const char* number = std::getenv("MUTATION"))
    mutation_on = std::atoi(number);
  const char* const path = std::getenv("MUTATIONS_REACHED");
  const int fd = path ? ::open(path, O_RDWR | O_CLOEXEC) : -1;
  if (fd == -1)
    return;
  void* const shared = ::mmap(nullptr, most_mutations, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  if (shared != MAP_FAILED)
    mutations_reached = static_cast<unsigned char*>(shared);
}
