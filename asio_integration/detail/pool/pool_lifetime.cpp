#include <asio_integration/detail/pool/pool_machine.hpp>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace subprocess::detail {

// The beginning and the end of a pool.

void pool_machine::start(pool_time now)
{
  if (stage_ != stage::not_started)
    return;
  stage_ = stage::running;
  slots_.resize(options_.size);
  for (std::size_t slot = 0; slot < slots_.size(); ++slot)
    join(slot, now);
  settle(now);
}

void pool_machine::cancel(pool_time now)
{
  if (stage_ == stage::not_started || is_finished())
    return;
  const std::error_code aborted(ECANCELED, std::system_category());
  ++cancellations_;
  end(cancellations_ == 1 ? stage::draining : (cancellations_ == 2 ? stage::stopping : stage::killing), aborted,
      aborted);
  settle(now);
}

void pool_machine::give_up(std::error_code error)
{
  actions_.push_back(tell{{.kind = pool_event_kind::gave_up, .error = error}});
  end(stage::stopping, error, error);
}

void pool_machine::end(stage how, std::error_code error, std::error_code for_others)
{
  if (how <= stage_)
    return;
  if (!is_ending()) {
    run_error_ = error;
    refusal_ = for_others;
    for (const asker_id asker : std::exchange(askers_, {}))
      actions_.push_back(refuse{asker, refusal_});
    for (const ready_asker& one : std::exchange(ready_askers_, {}))
      actions_.push_back(finish_wait{one.asker, refusal_});
    for (const rollout& one : std::exchange(rollouts_, {}))
      actions_.push_back(finish_replace{one.asker, refusal_});
  }
  stage_ = how;
  for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
    disarm_restart(slot);
    for (std::optional<pool_worker>* const worker : {&slots_[slot].current, &slots_[slot].next, &slots_[slot].old})
      if (*worker)
        wind_down({slot, (*worker)->number}, **worker);
  }
}

void pool_machine::wind_down(worker_id id, pool_worker& worker)
{
  if (stage_ == stage::draining)
    return stop_after_lease(id, worker, stop_reason::pool_ends);
  if (stage_ == stage::stopping || worker.now == phase::spawning)
    return stop(id, worker, stop_reason::pool_ends);
  actions_.push_back(kill_worker{id}); // It is being stopped since the stage before.
}

// After whatever has happened: the next step of a rollout, and the end of the pool.
void pool_machine::settle(pool_time now)
{
  if (is_running()) {
    roll(now);
    while (slots_.size() > options_.size && slots_.back().is_empty())
      slots_.pop_back();
    if (alive_ == 0 && !slots_.empty() && std::ranges::all_of(slots_, &pool_slot::is_dormant))
      end(stage::stopping, {}, std::error_code(ECANCELED, std::system_category()));
  }
  set_timer();
  if (is_ending() && !is_finished() && alive_ == 0) {
    stage_ = stage::finished;
    actions_.push_back(finish_run{run_error_});
  }
}

} // namespace subprocess::detail
