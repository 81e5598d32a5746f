#include <subprocess/detail/process/orphans.hpp>

#include <algorithm>
#include <atomic>
#include <list>
#include <mutex>
#include <new>

#include <subprocess/detail/process/own_pid.hpp>

namespace subprocess::detail {
namespace {

// Never destroyed: a child may be dropped after main() has returned.
struct orphan_list {
  explicit orphan_list(const orphan_list* copied = nullptr) noexcept : original(copied) {}

  const pid_t owner = own_pid();
  const orphan_list* const original; // What it is the successor of, in a fork.
  std::mutex mutex;
  std::list<std::shared_ptr<process>> queue;
  std::atomic<std::size_t> size = 0; // So that the common case takes no lock.

  static orphan_list& instance();
};

// A fork of the program begins anew: the children of the copied list are not its
// own, and another thread may have held the lock.
orphan_list& orphan_list::instance()
{
  static std::atomic<orphan_list*> current = new orphan_list;
  orphan_list* list = current;
  if (list->owner == own_pid())
    return *list;
  auto* const fresh = new orphan_list(list);
  if (current.compare_exchange_strong(list, fresh))
    return *fresh;
  delete fresh;
  return *list;
}

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
  orphan_list& list = orphan_list::instance();
  const std::lock_guard lock(list.mutex);
  try {
    list.queue.push_back(std::move(orphan));
    list.size = list.queue.size();
  } catch (const std::bad_alloc&) {
    // Without memory a zombie is the lesser evil: init reaps it in the end.
  }
}

void reap_orphans() noexcept
{
  orphan_list& list = orphan_list::instance();
  if (list.size == 0)
    return;
  const std::lock_guard lock(list.mutex);
  for (std::size_t looks = std::min(list.queue.size(), looks_per_call); looks > 0; --looks) {
    if (gone(*list.queue.front()))
      list.queue.pop_front();
    else
      list.queue.splice(list.queue.end(), list.queue, list.queue.begin());
  }
  list.size = list.queue.size();
}

} // namespace subprocess::detail
