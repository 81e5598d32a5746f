#include <subprocess/detail/observation/observer_list.hpp>

#include <algorithm>
#include <mutex>
#include <new>
#include <utility>

#include <subprocess/detail/launch/core_locks.hpp>
#include <subprocess/detail/process/own_pid.hpp>

namespace subprocess::detail {
namespace {

// Never destroyed: a child may end after main() has returned. Under observers_lock().
union lasting_observers {
  std::shared_ptr<const observer_list> value; // Null when there are none.

  constexpr lasting_observers() noexcept : value() {}
  ~lasting_observers() {}
};

constinit lasting_observers everybody;
constinit std::atomic<bool> somebody_observes = false; // So that the common case takes no lock.

constinit thread_local const registered_observer* being_told = nullptr;

} // namespace

registered_observer::registered_observer(observer::function told) : told_(std::move(told)), owner_(own_pid())
{
}

void registered_observer::tell(const observation& seen) noexcept
{
  ++calls_; // Before it looks: close() looks in the other order.
  if (is_open_ && told_) {
    being_told = this;
    try {
      told_(seen);
    } catch (...) { // Nobody is to pay for it.
    }
    being_told = nullptr;
  }
  if (--calls_ == 0)
    calls_.notify_all();
}

// In a fork of the program the other threads are not there.
void registered_observer::close() noexcept
{
  is_open_ = false;
  if (being_told == this || owner_ != own_pid())
    return;
  for (std::size_t calls = calls_; calls > 0; calls = calls_)
    calls_.wait(calls);
}

std::shared_ptr<const observer_list> observer_list::current()
{
  if (!somebody_observes)
    return nullptr;
  const std::lock_guard lock(observers_lock());
  return everybody.value;
}

void observer_list::add(std::shared_ptr<registered_observer> added)
{
  const auto next = std::make_shared<observer_list>();
  std::shared_ptr<const observer_list> former; // Goes after the lock.
  const std::lock_guard lock(observers_lock());
  if (everybody.value)
    next->all_ = everybody.value->all_;
  next->all_.push_back(std::move(added));
  former = std::exchange(everybody.value, next);
  somebody_observes = true;
}

// Without memory it stays in the list, closed.
void observer_list::remove(const registered_observer& removed) noexcept
{
  std::shared_ptr<const observer_list> former;
  try {
    const auto next = std::make_shared<observer_list>();
    const std::lock_guard lock(observers_lock());
    next->all_ = everybody.value->all_;
    std::erase_if(next->all_, [&](const auto& one) { return one.get() == &removed; });
    somebody_observes = !next->all_.empty();
    former = std::exchange(everybody.value, next->all_.empty() ? nullptr : next);
  } catch (const std::bad_alloc&) {
  }
}

void observer_list::tell(const observation& seen) const noexcept
{
  for (const auto& one : all_)
    one->tell(seen);
}

} // namespace subprocess::detail
