#include "allocations.hpp"

#include <cstdlib>
#include <new>

namespace {

thread_local std::size_t allocations = 0;

} // namespace

// The array and nothrow forms come down to these.

void* operator new(std::size_t size)
{
  ++allocations;
  if (void* const memory = std::malloc(size ? size : 1))
    return memory;
  throw std::bad_alloc();
}

void operator delete(void* memory) noexcept
{
  std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept
{
  std::free(memory);
}

std::size_t subprocess::tests::allocations_here() noexcept
{
  return allocations;
}
