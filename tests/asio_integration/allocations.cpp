#include "allocations.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

thread_local std::size_t allocations = 0;

/// How many allocations are left until one fails; below zero, it has. Far away but
/// for the tests that ask for it.
constexpr long never = 1L << 62;
std::atomic<long> left = never;

/// Whether it is the turn of this one, just noted.
bool is_to_fail() noexcept
{
  return left.load(std::memory_order_relaxed) != never && left.fetch_sub(1) == 0;
}

} // namespace

// The array and nothrow forms come down to these.

void* operator new(std::size_t size)
{
  ++allocations;
  if (is_to_fail())
    throw std::bad_alloc();
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

void subprocess::tests::fail_one_allocation_after(std::size_t others) noexcept
{
  left = static_cast<long>(others);
}

bool subprocess::tests::stop_failing_allocations() noexcept
{
  return left.exchange(never) < 0;
}
