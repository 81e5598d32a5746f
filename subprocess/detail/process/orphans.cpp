#include <subprocess/detail/process/orphans.hpp>

#include <algorithm>
#include <atomic>
#include <list>
#include <mutex>
#include <new>

namespace subprocess::detail {
namespace {

// Never destroyed: a child may be dropped after main() has returned.
struct orphan_list {
  std::mutex mutex;
  std::list<std::shared_ptr<process>> queue;
  std::atomic<std::size_t> size = 0; // So that the common case takes no lock.

  static orphan_list& instance()
  {
    static orphan_list* const list = new orphan_list;
    return *list;
  }
};

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
