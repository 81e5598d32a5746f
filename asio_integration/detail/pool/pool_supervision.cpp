#include <asio_integration/detail/pool/pool_machine.hpp>

#include <algorithm>
#include <cerrno>

namespace subprocess::detail {

// The life of one worker, until it is told to end.

void pool_machine::tell_of(pool_event_kind kind, worker_id id, const pool_worker& worker)
{
  actions_.push_back(
      tell{{.kind = kind, .slot = id.slot, .worker = id.number, .pid = worker.pid, .reason = worker.leaving}});
}

void pool_machine::begin(std::size_t slot, seat where, unsigned generation, pool_time now)
{
  const worker_id id{slot, ++last_number_};
  pool_worker& worker = (where == seat::next ? slots_[slot].next : slots_[slot].current).emplace();
  worker.number = id.number;
  worker.generation = generation;
  ++alive_;
  extra_ += where == seat::next;
  if (options_.ready_within.count() > 0)
    set_due(id, worker, deadline_kind::ready, later(now, options_.ready_within));
  actions_.push_back(spawn_worker{id, generation});
}

void pool_machine::spawned(worker_id id, pid_t pid, pool_time now, double random)
{
  const placed_worker found = find(id);
  if (!found || found.worker->now != phase::spawning)
    return;
  pool_worker& worker = *found.worker;
  worker.pid = pid;
  worker.most_uses = uses_allowed(options_.recycle, random);
  actions_.push_back(tell{{.kind = pool_event_kind::starting, .slot = id.slot, .worker = id.number, .pid = pid}});
  if (worker.leaving != stop_reason::none) {
    worker.now = phase::stopping; // The cancellation of its start came too late.
    tell_of(pool_event_kind::stopping, id, worker);
    if (stage_ == stage::killing)
      actions_.push_back(kill_worker{id});
    else
      actions_.push_back(stop_worker{id});
    return;
  }
  worker.now = phase::starting;
  if (options_.ready.by() == readiness::sign::exec)
    become_ready(id, found, now);
}

void pool_machine::ready(worker_id id, pool_time now)
{
  const placed_worker found = find(id);
  if (found && found.worker->now == phase::starting)
    become_ready(id, found, now);
}

void pool_machine::become_ready(worker_id id, placed_worker found, pool_time now)
{
  pool_worker& worker = *found.worker;
  ever_ready_ = true;
  worker.ready_since = now;
  set_due(id, worker, deadline_kind::ready, never);
  if (options_.watchdog.count() > 0)
    set_due(id, worker, deadline_kind::watchdog, later(now, options_.watchdog));
  if (options_.recycle.age.count() > 0)
    set_due(id, worker, deadline_kind::age, later(now, options_.recycle.age));
  tell_of(pool_event_kind::ready, id, worker);
  if (found.where == seat::next)
    take_over(id.slot);
  offer(id, *slots_[id.slot].current, now);
  tell_ready_askers();
  settle(now);
}

// Before any worker was ready, there is no reason to believe that one will be.
void pool_machine::missed_start(worker_id id, placed_worker found, pool_time now)
{
  stop(id, *found.worker, stop_reason::not_ready);
  if (!is_running() || ever_ready_ || found.where != seat::current || id.slot >= options_.size)
    return;
  ++deaths_;
  give_up({ETIMEDOUT, std::system_category()});
  settle(now);
}

void pool_machine::extend_start(worker_id id, std::chrono::nanoseconds time, pool_time now)
{
  pool_worker* const worker = find(id).worker;
  if (!worker)
    return;
  const pool_time due = worker->due[static_cast<std::size_t>(deadline_kind::ready)];
  if (due != never)
    set_due(id, *worker, deadline_kind::ready, std::max(due, later(now, time)));
  set_timer();
}

void pool_machine::alive(worker_id id, pool_time now)
{
  pool_worker* const worker = find(id).worker;
  if (!worker || !worker->is_ready() || options_.watchdog.count() <= 0)
    return;
  set_due(id, *worker, deadline_kind::watchdog, later(now, options_.watchdog));
  set_timer();
}

void pool_machine::alarm(worker_id id)
{
  pool_worker* const worker = find(id).worker;
  if (!worker || worker->now == phase::spawning)
    return;
  stop(id, *worker, stop_reason::watchdog);
  set_timer();
}

void pool_machine::misbehaved(worker_id id)
{
  pool_worker* const worker = find(id).worker;
  if (!worker || worker->now == phase::spawning)
    return;
  stop_after_lease(id, *worker, stop_reason::protocol);
  set_timer();
}

void pool_machine::leaves(worker_id id)
{
  pool_worker* const worker = find(id).worker;
  if (!worker || worker->now == phase::spawning)
    return;
  stop_after_lease(id, *worker, stop_reason::left);
  set_timer();
}

void pool_machine::reloading(worker_id id)
{
  if (const pool_worker* const worker = find(id).worker)
    tell_of(pool_event_kind::reloading, id, *worker);
}

void pool_machine::stop(worker_id id, pool_worker& worker, stop_reason reason)
{
  if (worker.now == phase::stopping || (worker.now == phase::spawning && worker.leaving != stop_reason::none))
    return;
  clear_due(id, worker);
  worker.leaving = reason;
  if (worker.now == phase::spawning)
    return actions_.push_back(cancel_spawn{id});
  no_longer_ready(id, worker);
  worker.now = phase::stopping;
  tell_of(pool_event_kind::stopping, id, worker);
  actions_.push_back(stop_worker{id});
}

void pool_machine::stop_after_lease(worker_id id, pool_worker& worker, stop_reason reason)
{
  if (worker.now != phase::leased)
    return stop(id, worker, reason);
  if (worker.leaving == stop_reason::none)
    worker.leaving = reason;
}

void pool_machine::no_longer_ready(worker_id id, const pool_worker& worker)
{
  if (worker.now == phase::leased)
    --leased_;
  else if (worker.now == phase::idle)
    std::erase(idle_, id);
}

} // namespace subprocess::detail
