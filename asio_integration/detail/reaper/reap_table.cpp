#include <asio_integration/detail/reaper/reap_table.hpp>

#include <algorithm>
#include <utility>

namespace subprocess::detail {

reap_table::place reap_table::make_place()
{
  map made;
  made.try_emplace(0);
  return made.extract(made.begin());
}

reap_table::place reap_table::add(place room, std::shared_ptr<process> child)
{
  place earlier = entries_.extract(child->id());
  room.key() = child->id();
  room.mapped() = entry();
  room.mapped().child = std::move(child);
  entries_.insert(std::move(room));
  return earlier;
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

reap_table::entry* reap_table::after(pid_t pid) noexcept
{
  const auto next = entries_.upper_bound(pid);
  return next == entries_.end() ? nullptr : &next->second;
}

waiter* reap_table::remove_waiter(const process& child, std::uint64_t id) noexcept
{
  entry* const found = find(child);
  return found ? found->waiters.remove(id) : nullptr;
}

reap_table::place reap_table::finish(const entry& ended) noexcept
{
  return entries_.extract(ended.child->id());
}

bool reap_table::needs_looking() const noexcept
{
  return std::ranges::any_of(entries_,
                             [](const auto& item) { return !item.second.watched && item.second.is_awaited(); });
}

bool reap_table::is_awaited() const noexcept
{
  return std::ranges::any_of(entries_, [](const auto& item) { return item.second.is_awaited(); });
}

} // namespace subprocess::detail
