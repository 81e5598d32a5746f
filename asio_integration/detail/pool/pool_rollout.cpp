#include <asio_integration/detail/pool/pool_machine.hpp>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace subprocess::detail {

// What changes a running pool as a whole: its size, its command.

namespace {

std::error_code pool_aborted() noexcept
{
  return {ECANCELED, std::system_category()};
}

} // namespace

void pool_machine::resize(std::size_t size, pool_time now)
{
  const std::size_t before = std::exchange(options_.size, size);
  if (!is_running())
    return;
  if (slots_.size() < size)
    slots_.resize(size);
  for (std::size_t slot = before; slot < size; ++slot)
    join(slot, now);
  for (std::size_t slot = size; slot < before; ++slot)
    part(slot);
  settle(now);
}

// A slot that has become one of the pool's.
void pool_machine::join(std::size_t slot, pool_time now)
{
  pool_slot& place = slots_[slot];
  place.generation = generation_;
  place.failures = 0;
  place.is_dormant = false;
  if (!rollouts_.empty() && rollouts_.front().slot >= slot) {
    rollouts_.front().slot = slot;
    rollouts_.front().has_begun = false;
  }
  if (!place.current)
    restart(slot, now, now);
  else if (place.current->now == phase::leased && place.current->leaving == stop_reason::resized &&
           place.current->generation == generation_)
    place.current->leaving = stop_reason::none;
}

// A slot that is not one of the pool's any more; it stays until its workers ended.
void pool_machine::part(std::size_t slot)
{
  pool_slot& place = slots_[slot];
  disarm_restart(slot);
  place.restart_at.reset();
  if (place.current)
    stop_after_lease({slot, place.current->number}, *place.current, stop_reason::resized);
  if (place.next)
    stop({slot, place.next->number}, *place.next, stop_reason::resized);
}

void pool_machine::replace(asker_id asker, unsigned generation, pool_time now)
{
  if (is_ending())
    return actions_.push_back(finish_replace{asker, refusal_});
  if (!is_running()) {
    generation_ = generation;
    return actions_.push_back(finish_replace{asker, {}});
  }
  rollouts_.push_back({asker, generation});
  settle(now);
}

void pool_machine::cancel_replace(asker_id asker, pool_time now)
{
  const auto found = std::ranges::find(rollouts_, asker, &rollout::asker);
  if (found == rollouts_.end())
    return;
  if (found != rollouts_.begin()) {
    rollouts_.erase(found);
    return actions_.push_back(finish_replace{asker, pool_aborted()});
  }
  found->error = pool_aborted();
  const auto place = std::ranges::find_if(slots_, [](const pool_slot& one) { return one.next.has_value(); });
  if (place == slots_.end())
    drop_rollout(pool_aborted());
  else // Its end will tell.
    stop({static_cast<std::size_t>(place - slots_.begin()), place->next->number}, *place->next, stop_reason::withdrawn);
  settle(now);
}

// Slot by slot, and none before the old worker of the one before has ended: there
// is never more than one worker too many.
void pool_machine::roll(pool_time now)
{
  while (!rollouts_.empty() && extra_ == 0) {
    rollout& first = rollouts_.front();
    if (first.slot >= options_.size) {
      generation_ = first.generation;
      actions_.push_back(tell{{.kind = pool_event_kind::replaced}});
      actions_.push_back(finish_replace{first.asker, {}});
      rollouts_.pop_front();
    } else if (first.has_begun || slots_[first.slot].is_dormant) {
      first.has_begun = false;
      ++first.slot;
    } else {
      first.has_begun = true;
      disarm_restart(first.slot);
      begin(first.slot, seat::next, first.generation, now);
    }
  }
}

void pool_machine::take_over(std::size_t slot)
{
  pool_slot& place = slots_[slot];
  place.generation = place.next->generation;
  place.failures = 0;
  place.is_dormant = false;
  place.restart_at.reset();
  if (place.current) {
    place.old = std::move(place.current);
    stop_after_lease({slot, place.old->number}, *place.old, stop_reason::replaced);
  } else {
    --extra_;
  }
  place.current = std::exchange(place.next, std::nullopt);
}

void pool_machine::next_failed(std::size_t slot, const ending& how, pool_time now)
{
  rollout& first = rollouts_.front();
  if (first.error)
    drop_rollout(first.error);
  else if (slot >= options_.size || how.reason == stop_reason::resized)
    first.has_begun = false;
  else
    drop_rollout(how.error);
  if (const auto at = slots_[slot].restart_at)
    restart(slot, *at, now);
}

// Where a new worker has taken over it stays, and is followed by one of the
// pool's old command.
void pool_machine::drop_rollout(std::error_code error)
{
  for (pool_slot& slot : slots_)
    slot.generation = generation_;
  actions_.push_back(tell{{.kind = pool_event_kind::replace_failed, .error = error}});
  actions_.push_back(finish_replace{rollouts_.front().asker, error});
  rollouts_.pop_front();
}

} // namespace subprocess::detail
