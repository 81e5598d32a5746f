#include <asio_integration/detail/pool/pool_supervisor.hpp>

#include <asio/error.hpp>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <new>
#include <string>
#include <utility>
#include <variant>

#include <asio_integration/detail/reaper/reaper_core.hpp>

namespace subprocess::detail {
namespace {

std::uint64_t any_seed(const void* place)
{
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()) ^
         reinterpret_cast<std::uintptr_t>(place);
}

// 0 when it cannot be told, for lack of memory too.
std::size_t peak_rss_of(pid_t pid) noexcept
{
  try {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);)
      if (line.starts_with("VmHWM:"))
        return static_cast<std::size_t>(std::strtoull(line.c_str() + 6, nullptr, 10)) * 1024;
  } catch (const std::bad_alloc&) {
  }
  return 0;
}

} // namespace

pool_supervisor::pool_supervisor(const asio::any_io_executor& executor, command worker, worker_pool_options options)
    : pool_core(event_queue(asio::query(executor, asio::execution::context))), executor_(executor), options_(options),
      machine_(std::move(options)), dice_(any_seed(this)),
      watch_task_(asio::query(executor, asio::execution::context),
                  [](pool_supervisor& self, std::size_t) { self.watch_all(); })
{
  add_command(0, std::move(worker));
}

pool_supervisor::~pool_supervisor() = default;

double pool_supervisor::random() noexcept
{
  return static_cast<double>(dice_() >> 11) * 0x1p-53;
}

// Dropped outside of the lock: it may own leases.
template <class List, class Waiter, class Event>
void pool_supervisor::ask(List& list, Waiter& added, Event event)
{
  const bool is_open = take_step([&] {
    list.push(added);
    if (!has_failed_)
      event();
  });
  if (!is_open)
    added.abandon();
}

void pool_supervisor::run(plain_waiter& added)
{
  ask(runners_, added, [&] {
    if (std::exchange(was_run_, true)) {
      runners_.remove(added.id);
      return added.complete({EALREADY, std::system_category()});
    }
    runner_ = added.id;
    // Before a timer makes Asio open descriptors: the reaper tells when there are none to
    // be had, and sees to it that none gets the number of a standard stream.
    std::error_code ec;
    reaper_core::of(context(), ec);
    if (ec)
      return fail(ec);
    timer_.emplace(loop_executor(context()));
    ec = open_notify();
    if (ec)
      return fail(ec);
    machine_.start(now());
  });
}

void pool_supervisor::acquire(lease_waiter& added)
{
  ask(askers_, added, [&] { machine_.acquire(added.id, now()); });
}

void pool_supervisor::wait_ready(plain_waiter& added, std::size_t workers)
{
  ask(ready_askers_, added, [&] { machine_.wait_ready(added.id, workers); });
}

void pool_supervisor::replace(plain_waiter& added, command next)
{
  ask(replacers_, added, [&] {
    const unsigned generation = ++last_generation_;
    add_command(generation, std::move(next));
    replacing_.emplace(added.id, generation);
    machine_.replace(added.id, generation, now());
  });
}

void pool_supervisor::next_event(event_waiter& added)
{
  ask(listeners_, added, [&] {
    if (events_.empty() && !is_finished_)
      return;
    listeners_.remove(added.id);
    if (events_.empty())
      return added.complete(asio::error::eof, {});
    pool_event first = std::move(events_.front());
    events_.pop_front();
    added.complete({}, std::move(first));
  });
}

void pool_supervisor::cancel(wish what, std::uint64_t waiter_id)
{
  take_step([&] {
    if (!has_failed_)
      cancel_wish(what, waiter_id);
  });
}

void pool_supervisor::cancel_wish(wish what, std::uint64_t waiter_id)
{
  switch (what) {
  case wish::run:
    if (waiter_id == runner_) // Not one that is told that it runs already.
      machine_.cancel(now());
    return;
  case wish::lease: return machine_.cancel_acquire(waiter_id);
  case wish::ready: return machine_.cancel_wait_ready(waiter_id);
  case wish::replacement: return machine_.cancel_replace(waiter_id, now());
  case wish::event:
    if (event_waiter* const one = listeners_.remove(waiter_id))
      one->complete(asio::error::operation_aborted, {});
  }
}

pid_t pool_supervisor::pid_of(std::uint64_t worker) const
{
  const std::lock_guard lock(mutex_);
  const process_pointer process = find(worker);
  return process ? process->tracked->id() : -1;
}

void pool_supervisor::give_back(std::uint64_t worker, lease_end how) noexcept
{
  const std::size_t peak_rss = options_.recycle.peak_rss > 0 ? peak_rss_of(pid_of(worker)) : 0;
  take_step([&] {
    const process_pointer process = find(worker);
    if (!process || has_failed_)
      return;
    process->is_leased = false;
    // Its end may be known to its user before it is to us.
    if (process->tracked->current() != process::state::running)
      return exited(*process, process->tracked->status());
    machine_.returned(process->id, static_cast<pool_machine::lease_end>(how), peak_rss, now());
    to_watch_.push_back(process);
  });
}

void pool_supervisor::resize(std::size_t size)
{
  take_step([&] {
    if (!has_failed_)
      machine_.resize(size, now());
  });
}

pool_counts pool_supervisor::counts() const
{
  const std::lock_guard lock(mutex_);
  return machine_.counts();
}

spawn_failure pool_supervisor::last_failure() const
{
  const std::lock_guard lock(mutex_);
  return last_failure_;
}

std::uint64_t pool_supervisor::events_dropped() const
{
  const std::lock_guard lock(mutex_);
  return events_dropped_;
}

void pool_supervisor::close() noexcept
{
  take_step([&] {
    if (!was_run_)
      fail(asio::error::operation_aborted);
    else if (!is_finished_ && !has_failed_)
      machine_.cancel(now());
  });
}

// Children and waits belong to services that are ending; waiters may own leases.
void pool_supervisor::shut_down() noexcept
{
  std::unique_lock lock(mutex_);
  is_shut_down_ = true;
  const auto runners = std::exchange(runners_, {});
  const auto askers = std::exchange(askers_, {});
  const auto ready_askers = std::exchange(ready_askers_, {});
  const auto replacers = std::exchange(replacers_, {});
  const auto listeners = std::exchange(listeners_, {});
  const auto processes = std::exchange(processes_, {});
  const auto operations = std::exchange(to_start_, {});
  const auto idle = std::exchange(to_watch_, {});
  timer_.reset();
  close_notify();
  commands_.clear();
  lock.unlock();
  for (const auto& [number, process] : processes) {
    process->link->child = async_child();
    process->tracked = tracked_child();
  }
}

void pool_supervisor::settle()
{
  for (machine_.take(batch_); !batch_.empty(); machine_.take(batch_))
    for (const pool_action& action : batch_)
      std::visit([this](const auto& one) { perform(one); }, action);
  watch_soon();
}

// Without memory, what the machine knows may be half the truth. Nothing is asked of it
// any more: all are killed, and when they are reaped the pool is over.
void pool_supervisor::fail(std::error_code fault) noexcept
{
  has_failed_ = true;
  fault_ = fault;
  to_watch_.clear();
  for (const auto& [number, process] : processes_) {
    if (process->tracked)
      process->tracked->kill(process->stop.whom);
    else if (const auto starting = process->spawning.lock())
      starting->cancel(asio::cancellation_type::terminal);
    process->is_stopping = true;
  }
}

void pool_supervisor::finish_failed() noexcept
{
  refuse_all(fault_);
  if (!processes_.empty())
    return;
  if (timer_)
    timer_->cancel();
  close_notify();
  commands_.clear();
  runners_.complete_all(fault_);
}

void pool_supervisor::refuse_all(std::error_code error) noexcept
{
  while (lease_waiter* const one = askers_.pop())
    one->complete(error, {});
  ready_askers_.complete_all(error);
  replacers_.complete_all(error);
  while (event_waiter* const one = listeners_.pop())
    one->complete(asio::error::eof, {});
}

} // namespace subprocess::detail
