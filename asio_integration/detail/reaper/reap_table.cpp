#include <asio_integration/detail/reaper/reap_table.hpp>

#include <algorithm>

namespace subprocess::detail {

waiter_list reap_table::add(std::shared_ptr<process> child, bool watched)
{
  entry& place = entries_[child->id()];
  place.child = std::move(child);
  place.watched = watched;
  return std::exchange(place.waiters, {});
}

reap_table::entry* reap_table::find(pid_t pid) noexcept
{
  const auto found = entries_.find(pid);
  return found == entries_.end() ? nullptr : &found->second;
}

reap_table::entry* reap_table::find(const process& child) noexcept
{
  entry* const found = find(child.id());
  return found && found->child.get() == &child ? found : nullptr;
}

waiter* reap_table::remove_waiter(const process& child, std::uint64_t id) noexcept
{
  entry* const found = find(child);
  return found ? found->waiters.remove(id) : nullptr;
}

waiter_list reap_table::finish(entry& ended)
{
  waiter_list waiters = std::move(ended.waiters);
  entries_.erase(ended.child->id());
  return waiters;
}

std::vector<pid_t> reap_table::unwatched() const
{
  std::vector<pid_t> pids;
  for (const auto& [pid, one] : entries_)
    if (!one.watched)
      pids.push_back(pid);
  return pids;
}

std::vector<pid_t> reap_table::all() const
{
  std::vector<pid_t> pids;
  pids.reserve(entries_.size());
  for (const auto& [pid, one] : entries_)
    pids.push_back(pid);
  return pids;
}

bool reap_table::needs_looking() const noexcept
{
  return std::ranges::any_of(entries_,
                             [](const auto& item) { return !item.second.watched && !item.second.waiters.empty(); });
}

} // namespace subprocess::detail
