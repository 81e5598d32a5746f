#include <asio_integration/detail/reaper/reaper_core.hpp>

#include <asio/post.hpp>

#include <chrono>

#include <subprocess/detail/process/orphans.hpp>

namespace subprocess::detail {
namespace {

// How long an end can go unnoticed when its signal was lost.
constexpr std::chrono::seconds tick_interval(1);

} // namespace

reaper_core::reaper_core(const asio::any_io_executor& executor, std::unique_ptr<wake_source> source)
    : executor_(executor), idle_(asio::query(executor, asio::execution::context)), kind_(source->kind()),
      source_(std::move(source)), timer_(executor)
{
}

void reaper_core::start(const asio::any_io_executor& executor)
{
  // In a handler, since idle_work needs some work that is counted. The service
  // that owns this outlives all handlers of its context.
  asio::post(executor, [this] {
    const std::lock_guard lock(mutex_);
    arm();
  });
}

void reaper_core::arm()
{
  if (!source_)
    return;
  source_->async_wake([this] { woken(); });
  idle_.exclude();
}

void reaper_core::woken()
{
  idle_.include();
  look_around();
}

void reaper_core::look_around()
{
  if (source_->dispatch(*this))
    return asio::post(executor_, [this] { look_around(); });
  reap_orphans();
  const std::lock_guard lock(mutex_);
  arm();
}

bool reaper_core::is_open()
{
  const std::lock_guard lock(mutex_);
  return source_ != nullptr;
}

void reaper_core::track(const std::shared_ptr<process>& child)
{
  waiter_list robbed;
  bool watched = false;
  {
    const std::lock_guard lock(mutex_);
    if (const reap_table::entry* const earlier = table_.find(child->id()))
      unwatch(*earlier);
    watched = source_ && source_->watch(*child);
    robbed = table_.add(child, watched);
  }
  robbed.complete_all(error_of(process::state::lost), {});
  if (!watched)
    look(child->id()); // It may have ended before it was in the table.
}

void reaper_core::wait(process& child, waiter& added)
{
  std::unique_lock lock(mutex_);
  if (!source_) {
    lock.unlock();
    added.abandon();
    return;
  }
  if (reap_table::entry* const entry = table_.find(child)) {
    entry->waiters.push(added);
    if (!entry->watched && !ticking_)
      start_tick();
    return;
  }
  lock.unlock();
  added.complete(error_of(child.current()), child.status());
}

void reaper_core::cancel(const process& child, std::uint64_t waiter_id)
{
  std::unique_lock lock(mutex_);
  waiter* const removed = table_.remove_waiter(child, waiter_id);
  lock.unlock();
  if (removed)
    removed->complete(asio::error::operation_aborted, {});
}

bool reaper_core::look(pid_t pid)
{
  std::unique_lock lock(mutex_);
  reap_table::entry* const entry = table_.find(pid);
  if (!entry)
    return false;
  const std::shared_ptr<process> child = entry->child;
  const process::state state = child->try_reap();
  if (state == process::state::running)
    return false;
  unwatch(*entry);
  waiter_list waiters = table_.finish(*entry);
  lock.unlock();
  waiters.complete_all(error_of(state), child->status());
  return true;
}

void reaper_core::unwatch(const reap_table::entry& entry) noexcept
{
  if (source_ && entry.watched)
    source_->unwatch(*entry.child);
}

void reaper_core::look_at_all()
{
  std::unique_lock lock(mutex_);
  const std::vector<pid_t> pids = table_.all();
  lock.unlock();
  for (const pid_t pid : pids)
    look(pid);
}

// Only with a waiter in the table, whose work is counted.
void reaper_core::start_tick()
{
  ticking_ = true;
  timer_->expires_after(tick_interval);
  timer_->async_wait([this](std::error_code) { tick(); });
  idle_.exclude();
}

void reaper_core::tick()
{
  idle_.include();
  std::unique_lock lock(mutex_);
  const std::vector<pid_t> pids = table_.unwatched();
  lock.unlock();
  for (const pid_t pid : pids)
    look(pid);
  lock.lock();
  ticking_ = false;
  if (source_ && table_.needs_looking())
    start_tick();
}

void reaper_core::shut_down() noexcept
{
  std::unique_lock lock(mutex_);
  for (const pid_t pid : table_.all())
    unwatch(*table_.find(pid));
  source_.reset();
  timer_.reset();
  reap_table abandoned = std::exchange(table_, {});
  lock.unlock();
  for (const pid_t pid : abandoned.all())
    adopt_orphan(abandoned.find(pid)->child);
}

} // namespace subprocess::detail
