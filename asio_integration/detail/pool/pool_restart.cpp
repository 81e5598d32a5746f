#include <asio_integration/detail/pool/pool_machine.hpp>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace subprocess::detail {

// The end of a worker, and what follows it.

namespace {

// Ends that the pool brought about, since the worker failed.
bool is_fault(stop_reason reason) noexcept
{
  return reason == stop_reason::not_ready || reason == stop_reason::lease_limit || reason == stop_reason::watchdog ||
         reason == stop_reason::protocol;
}

// Ends that say nothing of the worker. One that leaves by its own decision is
// judged by its exit, or a worker that does so at once would be started for ever.
bool is_renewal(stop_reason reason) noexcept
{
  return reason != stop_reason::none && reason != stop_reason::left && !is_fault(reason);
}

std::error_code error_of(stop_reason reason) noexcept
{
  return {reason == stop_reason::not_ready ? ETIMEDOUT : ENOTRECOVERABLE, std::system_category()};
}

} // namespace

void pool_machine::spawn_failed(worker_id id, std::error_code error, pool_time now, double random)
{
  const placed_worker found = find(id);
  if (!found || found.worker->now != phase::spawning)
    return;
  ending how{.was_told = found.worker->leaving != stop_reason::none, .reason = found.worker->leaving, .error = error};
  if (how.was_told)
    how.error = error_of(how.reason);
  if (!is_renewal(how.reason))
    actions_.push_back(
        tell{{.kind = pool_event_kind::spawn_failed, .slot = id.slot, .worker = id.number, .error = how.error}});
  vacate(id, found.where, how, now, random);
}

void pool_machine::ended(worker_id id, exit_status status, pool_time now, double random)
{
  const placed_worker found = find(id);
  if (!found)
    return;
  const bool was_told = found.worker->now == phase::stopping;
  const stop_reason reason = was_told ? found.worker->leaving : stop_reason::none;
  actions_.push_back(tell{{.kind = was_told ? pool_event_kind::ended : pool_event_kind::died,
                           .slot = id.slot,
                           .worker = id.number,
                           .pid = found.worker->pid,
                           .status = status,
                           .reason = reason}});
  vacate(id, found.where, {was_told, reason, status, error_of(reason)}, now, random);
}

void pool_machine::stop_failed(worker_id id, std::error_code error, pool_time now, double random)
{
  const placed_worker found = find(id);
  if (!found || found.worker->now != phase::stopping)
    return;
  const stop_reason reason = found.worker->leaving;
  actions_.push_back(tell{{.kind = pool_event_kind::ended,
                           .slot = id.slot,
                           .worker = id.number,
                           .pid = found.worker->pid,
                           .error = error,
                           .reason = reason}});
  vacate(id, found.where, {true, reason, {}, error_of(reason)}, now, random);
}

void pool_machine::vacate(worker_id id, seat where, const ending& how, pool_time now, double random)
{
  pool_slot& slot = slots_[id.slot];
  std::optional<pool_worker>& place =
      where == seat::current ? slot.current : (where == seat::next ? slot.next : slot.old);
  clear_due(id, *place);
  no_longer_ready(id, *place);
  const pool_worker gone = *place;
  place.reset();
  --alive_;
  extra_ -= where != seat::current;
  if (is_running() && where == seat::next)
    next_failed(id.slot, how, now);
  else if (is_running() && where == seat::current && id.slot < options_.size)
    current_ended(id.slot, gone, how, now, random);
  settle(now);
}

void pool_machine::current_ended(std::size_t slot, const pool_worker& gone, const ending& how, pool_time now,
                                 double random)
{
  pool_slot& place = slots_[slot];
  if (gone.ready_since && now - *gone.ready_since >= options_.delay.healthy)
    place.failures = 0;
  if (is_renewal(how.reason))
    restart(slot, now, now);
  else if (options_.restart == restart_when::on_failure && how.status.success() && !is_fault(how.reason))
    place.is_dormant = true;
  else
    died(slot, how, now, random);
}

void pool_machine::died(std::size_t slot, const ending& how, pool_time now, double random)
{
  ++deaths_;
  if (!ever_ready_)
    return give_up(how.error);
  const auto code = how.status.code();
  if (code && !is_fault(how.reason) && std::ranges::count(options_.permanent_failures, *code) != 0)
    return give_up(how.error);
  if (recent_.add(now, options_.within) > options_.most_deaths)
    return give_up(how.error);
  pool_slot& place = slots_[slot];
  if (options_.restart == restart_when::never) {
    place.is_dormant = true;
    return;
  }
  const auto delay = delay_after(options_.delay, ++place.failures, random);
  actions_.push_back(tell{{.kind = pool_event_kind::backing_off, .slot = slot, .delay = delay}});
  restart(slot, later(now, delay), now);
}

void pool_machine::restart(std::size_t slot, pool_time at, pool_time now)
{
  pool_slot& place = slots_[slot];
  place.restart_at = at;
  if (place.next)
    return;
  if (at <= now) {
    place.restart_at.reset();
    return begin(slot, seat::current, place.generation, now);
  }
  if (at != never) {
    place.restart_armed = true;
    deadlines_.insert({at, slot, 0, deadline_kind::restart});
  }
}

void pool_machine::disarm_restart(std::size_t slot)
{
  pool_slot& place = slots_[slot];
  if (std::exchange(place.restart_armed, false))
    deadlines_.erase({*place.restart_at, slot, 0, deadline_kind::restart});
}

} // namespace subprocess::detail
