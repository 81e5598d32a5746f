#include <subprocess/detail/process/orphans.hpp>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include <subprocess/detail/launch/core_locks.hpp>
#include <subprocess/detail/observation/tell_afterwards.hpp>

namespace subprocess::detail {
namespace {

// Children in the order they came. They hold each other, so that adding one takes no
// memory. Under orphans_lock(), but for the size.
struct orphan_list {
  std::shared_ptr<process> first;
  process* last = nullptr;
  std::atomic<std::size_t> size = 0; // So that the common case takes no lock.

  void push(std::shared_ptr<process> added) noexcept
  {
    process* const now_last = added.get();
    (last ? last->next_orphan : first) = std::move(added);
    last = now_last;
    ++size;
  }

  std::shared_ptr<process> pop() noexcept
  {
    std::shared_ptr<process> taken = std::move(first);
    first = std::move(taken->next_orphan);
    if (!first)
      last = nullptr;
    --size;
    return taken;
  }
};

// Never destroyed: a child may be dropped after main() has returned.
union lasting_list {
  orphan_list value;

  constexpr lasting_list() noexcept : value() {}
  ~lasting_list() {}
};

constinit lasting_list orphans;

// A spawn must not pay for ten thousand orphans that all run on.
constexpr std::size_t looks_per_call = 32;

bool gone(process& orphan) noexcept
{
  return !orphan.is_parent() || orphan.try_reap() != process::state::running;
}

} // namespace

void adopt_orphan(std::shared_ptr<process> orphan) noexcept
{
  if (gone(*orphan))
    return;
  const tell_afterwards after_the_lock;
  const std::lock_guard lock(orphans_lock());
  orphans.value.push(std::move(orphan));
}

void reap_orphans() noexcept
{
  orphan_list& list = orphans.value;
  if (list.size == 0)
    return;
  const tell_afterwards after_the_lock;
  const std::lock_guard lock(orphans_lock());
  for (std::size_t looks = std::min(list.size.load(), looks_per_call); looks > 0; --looks)
    if (std::shared_ptr<process> oldest = list.pop(); !gone(*oldest))
      list.push(std::move(oldest));
}

} // namespace subprocess::detail
