#include "child_stack.hpp"

#include <sys/mman.h>

#include <mutex>
#include <new>

#include <subprocess/detail/launch/core_locks.hpp>
#include <subprocess/detail/launch/make_process.hpp>

namespace subprocess::detail {
namespace {

constexpr std::size_t guard_size = 64 * 1024; // A page, whatever size pages are.
constexpr int kept_at_most = 16;

// A free stack holds the link to the next one itself.
struct free_stack {
  free_stack* next;
};

// Under shelf_lock().
free_stack* first = nullptr;
int kept = 0;

void* make_stack() noexcept
{
  void* const base = ::mmap(nullptr, guard_size + child_stack_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED)
    return nullptr;
  char* const stack = static_cast<char*>(base) + guard_size;
  if (::mprotect(stack, child_stack_size, PROT_READ | PROT_WRITE) == 0)
    return stack;
  ::munmap(base, guard_size + child_stack_size);
  return nullptr;
}

} // namespace

void* take_stack() noexcept
{
  {
    const std::lock_guard lock(shelf_lock());
    if (free_stack* const taken = first) {
      first = taken->next;
      --kept;
      return taken;
    }
  }
  return make_stack();
}

void give_back_stack(void* stack) noexcept
{
  if (!stack)
    return;
  {
    const std::lock_guard lock(shelf_lock());
    if (kept < kept_at_most) {
      first = new (stack) free_stack{first};
      ++kept;
      return;
    }
  }
  ::munmap(static_cast<char*>(stack) - guard_size, guard_size + child_stack_size);
}

} // namespace subprocess::detail
