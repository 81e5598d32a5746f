#include <asio_integration/detail/reaper/reaper_core.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include <subprocess/detail/observation/tell_afterwards.hpp>
#include <subprocess/detail/process/orphans.hpp>

namespace subprocess::detail {
namespace {

// How long an end can go unnoticed when its signal was lost. A child of which nothing
// tells is first looked at so soon, and then after twice the time, up to that.
constexpr std::chrono::milliseconds longest_tick(1000);
constexpr std::chrono::milliseconds shortest_tick(1);

} // namespace

void reaper_core::task::called(loop_task& base, bool is_over)
{
  auto& self = static_cast<task&>(base);
  if (!is_over)
    (self.core_.*self.run_)();
}

reaper_core::reaper_core(const loop_executor& executor, std::unique_ptr<wake_source> source)
    : executor_(executor), loop_(executor.context()), kind_(source->kind()), begin_(*this, &reaper_core::begin),
      again_(*this, &reaper_core::look_around), look_soon_(*this, &reaper_core::look_soon),
      tell_robbed_(*this, &reaper_core::tell_robbed), source_(std::move(source)), timer_(executor), tick_(longest_tick)
{
}

// In a handler, where something is held. The service that owns this outlives all
// handlers of its context.
void reaper_core::start() noexcept
{
  loop_.post(begin_);
}

void reaper_core::begin()
{
  const std::lock_guard lock(mutex_);
  arm();
}

// The wait has memory of its own, so only a system that refuses to watch can make it
// fail; children are found by the tick then, also those that are waited for already.
void reaper_core::arm() noexcept
{
  if (!source_)
    return;
  try {
    source_->async_wake(wake_handler({this}, wake_memory_));
    armed_ = true;
    loop_.release();
  } catch (const std::exception&) {
    armed_ = false;
    if (table_.is_awaited())
      start_tick();
  }
}

void reaper_core::woken()
{
  loop_.hold();
  look_around();
}

void reaper_core::look_around() noexcept
{
  if (!is_open())
    return;
  if (source_->dispatch(*this))
    return loop_.post(again_);
  reap_orphans();
  const std::lock_guard lock(mutex_);
  arm();
}

bool reaper_core::is_open() noexcept
{
  const std::lock_guard lock(mutex_);
  return source_ != nullptr;
}

void reaper_core::track(reap_table::place room, const std::shared_ptr<process>& child) noexcept
{
  const tell_afterwards after_the_lock;
  reap_table::place earlier; // Goes after the lock.
  std::unique_lock lock(mutex_);
  if (reap_table::entry* const known = table_.find(child->id()))
    unwatch(*known);
  earlier = table_.add(std::move(room), child);
  if (earlier) {
    earlier.mapped().child->lose();
    if (earlier.mapped().held)
      loop_.release();
    // Told on the loop: whoever calls this may hold a lock that a waiter takes.
    if (robbed_.empty() && !earlier.mapped().waiters.empty())
      loop_.post(tell_robbed_);
    robbed_.append(earlier.mapped().waiters);
  }
  reap_table::entry& added = *table_.find(child->id());
  added.watched = source_ && source_->watch(*child);
  if (!added.watched) {
    if (source_ && kind_ != reaper_source::sigchld) // Nothing is going to tell of it.
      tick_sooner();
    reap(lock, added); // It may have ended before it was in the table.
  }
}

void reaper_core::tell_robbed()
{
  std::unique_lock lock(mutex_);
  waiter_list robbed = std::exchange(robbed_, {});
  lock.unlock();
  robbed.complete_all(error_of(process::state::lost), {});
}

void reaper_core::look_soon()
{
  if (is_open() && source_->dispatch(*this))
    return loop_.post(look_soon_);
  const std::lock_guard lock(mutex_);
  looks_soon_ = false;
}

std::optional<wait_end> reaper_core::wait(process& child, waiter& added) noexcept
{
  std::unique_lock lock(mutex_);
  if (!source_) {
    lock.unlock();
    added.abandon();
    return std::nullopt;
  }
  reap_table::entry* const entry = table_.find(child);
  if (!entry) {
    // Displaced by another child of its number, it is gone whatever we know of it.
    const process::state state = child.current();
    return wait_end{error_of(state == process::state::running ? process::state::lost : state), child.status()};
  }
  entry->waiters.push(added);
  tick_for(*entry);
  // Nothing tells of this one, and it may have ended long ago. Others who wait for it are
  // not to be told from within this call.
  if (!entry->watched && child.has_ended() && !std::exchange(looks_soon_, true))
    loop_.post(look_soon_);
  return std::nullopt;
}

waiter* reaper_core::remove(const process& child, std::uint64_t waiter_id) noexcept
{
  const std::lock_guard lock(mutex_);
  if (waiter* const removed = table_.remove_waiter(child, waiter_id))
    return removed;
  return robbed_.remove(waiter_id);
}

void reaper_core::hold_until_reaped(const process& child) noexcept
{
  const std::lock_guard lock(mutex_);
  reap_table::entry* const entry = table_.find(child);
  if (!source_ || !entry || std::exchange(entry->held, true))
    return;
  loop_.hold();
  tick_for(*entry);
}

bool reaper_core::look(pid_t pid) noexcept
{
  const tell_afterwards after_the_lock;
  std::unique_lock lock(mutex_);
  reap_table::entry* const entry = table_.find(pid);
  if (!entry)
    return false;
  if (finish(lock, *entry, entry->child->reap_ended()))
    return true;
  // Said to have ended, and not to be reaped yet: its source would say so for ever.
  if (entry->watched) {
    unwatch(*entry);
    tick_for(*entry);
  }
  return false;
}

// True: it is reaped, its waiters are told, and the lock is let go.
bool reaper_core::reap(std::unique_lock<std::mutex>& lock, reap_table::entry& entry) noexcept
{
  return finish(lock, entry, entry.child->try_reap());
}

bool reaper_core::finish(std::unique_lock<std::mutex>& lock, reap_table::entry& entry, process::state state) noexcept
{
  if (state == process::state::running)
    return false;
  const std::shared_ptr<process> child = entry.child;
  unwatch(entry);
  reap_table::place ended = table_.finish(entry);
  lock.unlock();
  ended.mapped().waiters.complete_all(error_of(state), child->status());
  if (ended.mapped().held)
    loop_.release();
  return true;
}

void reaper_core::unwatch(reap_table::entry& entry) noexcept
{
  if (source_ && entry.watched)
    source_->unwatch(*entry.child);
  entry.watched = false;
}

void reaper_core::look_at_all() noexcept
{
  const tell_afterwards after_the_lock;
  pid_t last = 0;
  for (;;) {
    std::unique_lock lock(mutex_);
    reap_table::entry* const entry = table_.after(last);
    if (!entry)
      return;
    last = entry->child->id();
    reap(lock, *entry);
  }
}

void reaper_core::look_at_unwatched() noexcept
{
  const tell_afterwards after_the_lock;
  pid_t last = 0;
  for (;;) {
    std::unique_lock lock(mutex_);
    reap_table::entry* entry = table_.after(last);
    while (entry && entry->watched)
      entry = table_.after(entry->child->id());
    if (!entry)
      return;
    last = entry->child->id();
    reap(lock, *entry);
  }
}

void reaper_core::tick_for(const reap_table::entry& entry) noexcept
{
  if ((!entry.watched || !armed_) && entry.is_awaited())
    start_tick();
}

// Only while somebody waits, whose work is held. The timer's own memory is kept from
// one tick to the next; should there be none for the first, the next wake-up or wait
// tries again.
void reaper_core::start_tick() noexcept
{
  if (ticking_)
    return;
  try {
    timer_->expires_after(tick_);
    timer_->async_wait(wait_handler([this](std::error_code ec) { tick(ec); }, tick_memory_));
    ticking_ = true;
    loop_.release();
  } catch (const std::exception&) {
  }
}

// One that is under way is cut short, and starts anew where it completes.
void reaper_core::tick_sooner() noexcept
{
  tick_ = shortest_tick;
  if (!ticking_)
    return;
  try {
    timer_->cancel();
  } catch (const std::exception&) {
  }
}

void reaper_core::tick(std::error_code cut_short)
{
  loop_.hold();
  if (!cut_short)
    look_at_unwatched();
  std::unique_lock lock(mutex_);
  ticking_ = false;
  if (!cut_short)
    tick_ = std::min(2 * tick_, longest_tick);
  if (!armed_) {
    lock.unlock();
    look_at_all();
    lock.lock();
    arm();
  }
  if (source_ && (table_.needs_looking() || !armed_))
    start_tick();
}

void reaper_core::before_fork()
{
  const std::lock_guard lock(mutex_);
  if (source_)
    source_->before_fork();
}

// The wait for the former source ends with it, and that arms the new one: in a handler,
// where something is held. Here it would stop the context.
void reaper_core::forked(std::unique_ptr<wake_source> source) noexcept
{
  std::unique_lock lock(mutex_);
  source_ = std::move(source);
  reap_table of_parent = std::exchange(table_, {});
  lock.unlock();
  while (reap_table::entry* const entry = of_parent.after(0)) {
    reap_table::place gone = of_parent.finish(*entry);
    gone.mapped().waiters.complete_all(error_of(process::state::lost), {});
    if (gone.mapped().held)
      loop_.release();
  }
}

void reaper_core::shut_down() noexcept
{
  std::unique_lock lock(mutex_);
  for (reap_table::entry* entry = table_.after(0); entry; entry = table_.after(entry->child->id()))
    unwatch(*entry);
  source_.reset();
  timer_.reset();
  reap_table abandoned = std::exchange(table_, {});
  const waiter_list robbed = std::exchange(robbed_, {});
  lock.unlock(); // A handler that goes may call back.
  while (reap_table::entry* const entry = abandoned.after(0)) {
    const reap_table::place dropped = abandoned.finish(*entry);
    adopt_orphan(dropped.mapped().child);
  }
}

} // namespace subprocess::detail
