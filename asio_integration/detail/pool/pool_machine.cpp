#include <asio_integration/detail/pool/pool_machine.hpp>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace subprocess::detail {

// What is asked of a pool, its leases, and its clock.

pool_machine::pool_machine(worker_pool_options options) : options_(std::move(options))
{
}

void pool_machine::take(pool_actions& into)
{
  into.clear();
  into.swap(actions_);
}

pool_counts pool_machine::counts() const
{
  pool_counts all{.ready = idle_.size(), .leased = leased_, .waiting = askers_.size(), .deaths = deaths_};
  const auto count = [&all](const std::optional<pool_worker>& worker) {
    if (!worker)
      return;
    all.starting += worker->now == phase::spawning || worker->now == phase::starting;
    all.stopping += worker->now == phase::stopping;
  };
  for (const pool_slot& slot : slots_) {
    count(slot.current);
    count(slot.next);
    count(slot.old);
  }
  return all;
}

pool_machine::placed_worker pool_machine::find(worker_id id) noexcept
{
  if (id.slot >= slots_.size())
    return {};
  pool_slot& slot = slots_[id.slot];
  if (slot.current && slot.current->number == id.number)
    return {&*slot.current, seat::current};
  if (slot.next && slot.next->number == id.number)
    return {&*slot.next, seat::next};
  if (slot.old && slot.old->number == id.number)
    return {&*slot.old, seat::old};
  return {};
}

bool pool_machine::is_idle(worker_id id) noexcept
{
  const placed_worker found = find(id);
  return found && found.worker->now == phase::idle;
}

void pool_machine::acquire(asker_id asker, pool_time now)
{
  if (is_ending())
    return actions_.push_back(refuse{asker, refusal_});
  if (idle_.empty()) {
    if (askers_.size() >= options_.most_waiting)
      return actions_.push_back(refuse{asker, {EAGAIN, std::system_category()}});
    return askers_.push_back(asker);
  }
  const worker_id id = idle_.back();
  idle_.pop_back();
  hand(asker, id, *find(id).worker, now);
  set_timer();
}

void pool_machine::cancel_acquire(asker_id asker)
{
  if (std::erase(askers_, asker) != 0)
    actions_.push_back(refuse{asker, {ECANCELED, std::system_category()}});
}

void pool_machine::wait_ready(asker_id asker, std::size_t workers)
{
  if (is_ending())
    actions_.push_back(finish_wait{asker, refusal_});
  else if (workers <= ready_count())
    actions_.push_back(finish_wait{asker, {}});
  else
    ready_askers_.push_back({asker, workers});
}

void pool_machine::cancel_wait_ready(asker_id asker)
{
  if (std::erase_if(ready_askers_, [asker](const ready_asker& one) { return one.asker == asker; }) != 0)
    actions_.push_back(finish_wait{asker, {ECANCELED, std::system_category()}});
}

void pool_machine::tell_ready_askers()
{
  std::erase_if(ready_askers_, [this](const ready_asker& one) {
    if (one.workers > ready_count())
      return false;
    actions_.push_back(finish_wait{one.asker, {}});
    return true;
  });
}

// Somebody waits only while nobody is idle, so that the first to ask is the first
// to get one.
void pool_machine::offer(worker_id id, pool_worker& worker, pool_time now)
{
  worker.now = phase::idle;
  if (askers_.empty())
    return idle_.push_back(id);
  const asker_id first = askers_.front();
  askers_.pop_front();
  hand(first, id, worker, now);
}

void pool_machine::hand(asker_id asker, worker_id id, pool_worker& worker, pool_time now)
{
  worker.now = phase::leased;
  ++leased_;
  if (options_.lease_limit.count() > 0)
    set_due(id, worker, deadline_kind::lease, later(now, options_.lease_limit));
  actions_.push_back(hand_out{asker, id});
}

stop_reason pool_machine::reason_after_lease(const pool_worker& worker, lease_end how, std::size_t peak_rss) const
{
  if (how == lease_end::broken)
    return stop_reason::protocol;
  if (worker.leaving != stop_reason::none)
    return worker.leaving; // Put off until now.
  if (how == lease_end::dropped)
    return stop_reason::dropped;
  if (worker.most_uses != 0 && worker.uses >= worker.most_uses)
    return stop_reason::uses;
  if (options_.recycle.peak_rss != 0 && peak_rss > options_.recycle.peak_rss)
    return stop_reason::peak_rss;
  return stop_reason::none;
}

void pool_machine::returned(worker_id id, lease_end how, std::size_t peak_rss, pool_time now)
{
  pool_worker* const worker = find(id).worker;
  if (!worker || worker->now != phase::leased)
    return;
  set_due(id, *worker, deadline_kind::lease, never);
  ++worker->uses;
  const stop_reason reason = reason_after_lease(*worker, how, peak_rss);
  if (reason != stop_reason::none) {
    stop(id, *worker, reason);
  } else {
    --leased_;
    offer(id, *worker, now);
  }
  set_timer();
}

void pool_machine::set_due(worker_id id, pool_worker& worker, deadline_kind kind, pool_time at)
{
  pool_time& due = worker.due[static_cast<std::size_t>(kind)];
  if (due == at)
    return;
  if (due != never)
    deadlines_.erase({due, id.slot, id.number, kind});
  due = at;
  if (at != never)
    deadlines_.insert({at, id.slot, id.number, kind});
}

void pool_machine::clear_due(worker_id id, pool_worker& worker)
{
  for (const auto kind : {deadline_kind::ready, deadline_kind::lease, deadline_kind::watchdog, deadline_kind::age})
    set_due(id, worker, kind, never);
}

void pool_machine::timer_expired(pool_time now)
{
  armed_ = never;
  while (!deadlines_.empty() && deadlines_.begin()->at <= now)
    handle(*deadlines_.begin(), now);
  settle(now);
}

// By value: handling it takes it out of the set.
void pool_machine::handle(deadline due, pool_time now)
{
  if (due.kind == deadline_kind::restart) {
    disarm_restart(due.slot);
    return restart(due.slot, due.at, now);
  }
  const worker_id id{due.slot, due.worker};
  const placed_worker found = find(id);
  set_due(id, *found.worker, due.kind, never);
  switch (due.kind) {
  case deadline_kind::ready: return missed_start(id, found, now);
  case deadline_kind::lease: return stop(id, *found.worker, stop_reason::lease_limit);
  case deadline_kind::watchdog: return stop(id, *found.worker, stop_reason::watchdog);
  default: return stop_after_lease(id, *found.worker, stop_reason::age);
  }
}

void pool_machine::set_timer()
{
  const pool_time first = deadlines_.empty() ? never : deadlines_.begin()->at;
  if (first == armed_)
    return;
  armed_ = first;
  if (first == never)
    actions_.push_back(disarm_timer{});
  else
    actions_.push_back(arm_timer{first});
}

} // namespace subprocess::detail
