#include "pool_world.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <sstream>
#include <variant>

namespace subprocess::tests {

using detail::never;
using detail::pool_machine;
using move_kind = pool_move::kind;
using std::chrono::nanoseconds;

namespace {

std::error_code world_error(int number)
{
  return {number, std::system_category()};
}

constexpr std::size_t fat_size = 1'000'000;

bool world_fault(stop_reason reason)
{
  return reason == stop_reason::not_ready || reason == stop_reason::lease_limit || reason == stop_reason::watchdog ||
         reason == stop_reason::protocol;
}

} // namespace

std::string to_string(const pool_move& move)
{
  static const char* const names[] = {"start",          "spawned",        "spawn_failed",
                                      "ready",          "dies",           "finishes",
                                      "fails_for_good", "stop_fails",     "returned",
                                      "dropped",        "broken",         "fat",
                                      "misbehaves",     "alarm",          "leaves",
                                      "alive",          "extends",        "acquire",
                                      "cancel_acquire", "wait_ready",     "cancel_wait_ready",
                                      "replace",        "cancel_replace", "resize",
                                      "cancel",         "time",           "lateness"};
  return std::string(names[static_cast<std::size_t>(move.what)]) + ' ' + std::to_string(move.who);
}

pool_world::pool_world(const worker_pool_options& options, const pool_budget& budget)
    : options_(options), budget_(budget), machine_(options)
{
}

void pool_world::fault(const std::string& text)
{
  faults_.push_back(text);
}

void pool_world::expect(bool holds, const char* text)
{
  if (!holds)
    fault(text);
}

pool_world::worker* pool_world::find(std::uint64_t number)
{
  const auto found = workers_.find(number);
  return found == workers_.end() ? nullptr : &found->second;
}

std::size_t pool_world::count(std::size_t slot, role seat) const
{
  return static_cast<std::size_t>(std::ranges::count_if(
      workers_, [&](const auto& item) { return item.second.id.slot == slot && item.second.seat == seat; }));
}

std::size_t pool_world::ready_count() const
{
  return static_cast<std::size_t>(std::ranges::count_if(
      workers_, [](const auto& item) { return item.second.now == state::idle || item.second.now == state::leased; }));
}

nanoseconds pool_world::slow_delay(unsigned deaths, double random) const
{
  double delay = static_cast<double>(options_.delay.first.count());
  const double most = static_cast<double>(options_.delay.most.count());
  for (unsigned death = 1; death < deaths && delay < most; ++death)
    delay *= options_.delay.factor;
  if (delay > most)
    delay = most;
  return nanoseconds(static_cast<nanoseconds::rep>(delay * (1 - options_.delay.jitter * random)));
}

std::vector<pool_move> pool_world::moves() const
{
  if (!started_)
    return {{move_kind::start, 0}};
  std::vector<pool_move> all;
  const bool may_die = budget_.deaths > 0;
  for (const auto& [number, one] : workers_) {
    const auto add = [&all, who = number](move_kind what, bool may = true) {
      if (may)
        all.push_back({what, who});
    };
    const bool is_up = one.now == state::starting || one.now == state::idle || one.now == state::leased;
    if (one.now == state::asked) {
      add(move_kind::spawned);
      add(move_kind::spawn_failed, may_die || one.is_cancelled);
    }
    add(move_kind::ready, one.now == state::starting);
    add(move_kind::dies, (is_up && may_die) || one.now == state::stopping);
    add(move_kind::finishes, (is_up && may_die) || one.now == state::stopping);
    add(move_kind::fails_for_good,
        ((is_up && may_die) || one.now == state::stopping) && !options_.permanent_failures.empty());
    add(move_kind::stop_fails, one.now == state::stopping && budget_.troubles > 0);
    if (one.holder) {
      add(move_kind::returned);
      add(move_kind::dropped);
      add(move_kind::broken, budget_.troubles > 0);
      add(move_kind::fat, options_.recycle.peak_rss != 0);
    }
    if (is_up && budget_.troubles > 0) {
      add(move_kind::misbehaves);
      add(move_kind::alarm, options_.watchdog.count() > 0);
      add(move_kind::leaves);
      add(move_kind::alive, options_.watchdog.count() > 0);
      add(move_kind::extends, one.now == state::starting);
    }
  }
  if (budget_.acquires > 0)
    all.push_back({move_kind::acquire, 0});
  if (!askers_.empty())
    all.push_back({move_kind::cancel_acquire, askers_.front()});
  if (askers_.size() > 1)
    all.push_back({move_kind::cancel_acquire, askers_.back()});
  if (budget_.waits > 0)
    for (std::size_t workers = 1; workers <= budget_.largest; ++workers)
      all.push_back({move_kind::wait_ready, workers});
  for (const auto& [asker, workers] : waits_)
    all.push_back({move_kind::cancel_wait_ready, asker});
  if (budget_.replaces > 0)
    all.push_back({move_kind::replace, 0});
  for (const replacement& one : replacements_)
    if (!one.is_cancelled)
      all.push_back({move_kind::cancel_replace, one.asker});
  if (budget_.resizes > 0 && !finished_)
    for (std::size_t size = 0; size <= budget_.largest; ++size)
      if (size != options_.size)
        all.push_back({move_kind::resize, size});
  if (budget_.cancels && cancels_ < 3 && !finished_)
    all.push_back({move_kind::cancel, 0});
  if (timer_)
    all.push_back({move_kind::time, static_cast<std::uint64_t>(std::max<nanoseconds>(*timer_ - now_, {}).count())});
  return all;
}

void pool_world::mark_ready(worker& one)
{
  one.now = state::idle;
  one.idle_order = ++idle_orders_;
  one.ready_since = one.sign_of_life = now_;
  ever_ready_ = true;
  if (one.seat != role::next)
    return;
  for (auto& [number, other] : workers_)
    if (other.id.slot == one.id.slot && other.seat == role::current)
      other.seat = role::old;
  one.seat = role::current;
  rolled_.insert(one.id.slot);
  row_.erase(one.id.slot);
  due_.erase(one.id.slot);
  dormant_.erase(one.id.slot);
}

void pool_world::lease_ends(worker& one, pool_machine::lease_end how, std::size_t rss)
{
  one.holder.reset();
  if (one.now != state::leased)
    return;
  one.now = state::idle;
  one.idle_order = ++idle_orders_;
  ++one.uses;
  if (how == pool_machine::lease_end::broken)
    one.grounds.insert(stop_reason::protocol);
  if (how == pool_machine::lease_end::dropped)
    one.grounds.insert(stop_reason::dropped);
  if (one.most_uses != 0 && one.uses >= one.most_uses)
    one.grounds.insert(stop_reason::uses);
  if (options_.recycle.peak_rss != 0 && rss > options_.recycle.peak_rss)
    one.grounds.insert(stop_reason::peak_rss);
}

void pool_world::ends(int level, std::error_code run, std::error_code others)
{
  if (level_ == 0) {
    run_error_ = run;
    refusal_ = others;
    due_.clear();
  }
  level_ = std::max(level_, level);
}

void pool_world::worker_ends(worker gone, bool was_spawned, exit_status status, std::error_code error, double random)
{
  const bool was_told = gone.now == state::stopping || gone.is_cancelled;
  const stop_reason reason = was_told ? gone.reason : stop_reason::none;
  if (reason == stop_reason::not_ready)
    error = world_error(ETIMEDOUT);
  else if (was_spawned)
    error = world_error(ENOTRECOVERABLE);
  workers_.erase(gone.id.number);
  if (level_ != 0 || gone.seat == role::old)
    return;
  if (gone.seat == role::next) {
    if (replacements_.front().is_cancelled)
      expected_failure_ = world_error(ECANCELED);
    else if (gone.id.slot < options_.size && reason != stop_reason::resized)
      expected_failure_ = error;
    return;
  }
  if (gone.id.slot >= options_.size)
    return;
  gone.reason = reason;
  current_dies(gone, status, error, random);
}

void pool_world::current_dies(const worker& gone, exit_status status, std::error_code error, double random)
{
  const std::size_t slot = gone.id.slot;
  if (gone.ready_since && now_ - *gone.ready_since >= options_.delay.healthy)
    row_.erase(slot);
  const bool is_fault = world_fault(gone.reason);
  if (gone.reason != stop_reason::none && gone.reason != stop_reason::left && !is_fault) {
    due_[slot] = now_;
    return;
  }
  if (options_.restart == restart_when::on_failure && status.success() && !is_fault) {
    dormant_.insert(slot);
    return;
  }
  ++deaths_;
  if (budget_.deaths > 0)
    --budget_.deaths;
  const bool is_permanent =
      !is_fault && status.code() && std::ranges::count(options_.permanent_failures, *status.code());
  if (ever_ready_ && !is_permanent)
    death_times_.push_back(now_);
  const auto recent =
      std::ranges::count_if(death_times_, [this](pool_time at) { return at == now_ || now_ - at < options_.within; });
  if (!ever_ready_ || is_permanent || recent > static_cast<std::ptrdiff_t>(options_.most_deaths)) {
    expected_give_up_ = true;
    return ends(2, error, error);
  }
  if (options_.restart == restart_when::never) {
    dormant_.insert(slot);
    return;
  }
  const nanoseconds delay = slow_delay(++row_[slot], random);
  expected_backoff_.emplace(slot, delay);
  due_[slot] = now_ + delay;
}

void pool_world::time_passes(pool_time to, bool timer)
{
  now_ = to;
  timer_fired_ = timer;
  if (!timer)
    return;
  timer_.reset();
  for (const auto& [number, one] : workers_)
    if ((one.now == state::asked || one.now == state::starting) && !one.is_cancelled && one.ready_due <= now_ &&
        one.seat == role::current && one.id.slot < options_.size && !ever_ready_ && level_ == 0) {
      ++deaths_;
      expected_give_up_ = true;
      return ends(2, world_error(ETIMEDOUT), world_error(ETIMEDOUT));
    }
}

void pool_world::change_size(std::size_t size)
{
  const std::size_t before = std::exchange(options_.size, size);
  if (level_ != 0)
    return;
  for (std::size_t slot = before; slot < size; ++slot) {
    row_.erase(slot);
    dormant_.erase(slot);
    rolled_.erase(slot);
    if (count(slot, role::current) == 0)
      due_[slot] = now_;
  }
  for (std::size_t slot = size; slot < before; ++slot)
    due_.erase(slot);
  for (auto& [number, one] : workers_)
    one.was_surplus |= one.id.slot >= size;
}

void pool_world::make(const pool_move& move, double random)
{
  expected_backoff_.reset();
  expected_failure_.reset();
  expected_answers_.clear();
  expected_give_up_ = timer_fired_ = ends_by_itself_ = false;
  told_stopping_ = 0;
  worker* const one = find(move.who);
  const auto spend = [](unsigned& left) { left -= left > 0; };
  const auto end_of = [&](exit_status status) {
    const worker gone = *one;
    worker_ends(gone, true, status, {}, random);
    machine_.ended(gone.id, status, now_, random);
  };
  const auto lease_end = [&](pool_machine::lease_end how, std::size_t rss) {
    lease_ends(*one, how, rss);
    machine_.returned(one->id, how, rss, now_);
  };

  switch (move.what) {
  case move_kind::start:
    started_ = true;
    for (std::size_t slot = 0; slot < options_.size; ++slot)
      due_[slot] = now_;
    machine_.start(now_);
    break;
  case move_kind::spawned:
    if (options_.recycle.uses != 0)
      one->most_uses =
          options_.recycle.uses + static_cast<std::size_t>(random * (static_cast<double>(options_.recycle.jitter) + 1));
    one->now = state::starting;
    if (!one->is_cancelled && options_.ready == readiness::exec())
      mark_ready(*one);
    machine_.spawned(one->id, 100, now_, random);
    break;
  case move_kind::spawn_failed: {
    const worker gone = *one;
    const std::error_code error = world_error(gone.is_cancelled ? ECANCELED : ENOENT);
    worker_ends(gone, false, {}, error, random);
    machine_.spawn_failed(gone.id, error, now_, random);
    break;
  }
  case move_kind::ready:
    mark_ready(*one);
    machine_.ready(one->id, now_);
    break;
  case move_kind::dies: end_of(exit_status(SIGSEGV)); break;
  case move_kind::finishes: end_of(exit_status(0)); break;
  case move_kind::fails_for_good: end_of(exit_status(options_.permanent_failures.front() << 8)); break;
  case move_kind::stop_fails: {
    spend(budget_.troubles);
    const worker gone = *one;
    worker_ends(gone, true, {}, {}, random);
    machine_.stop_failed(gone.id, world_error(EPERM), now_, random);
    break;
  }
  case move_kind::returned: lease_end(pool_machine::lease_end::done, 0); break;
  case move_kind::dropped: lease_end(pool_machine::lease_end::dropped, 0); break;
  case move_kind::broken:
    spend(budget_.troubles);
    lease_end(pool_machine::lease_end::broken, 0);
    break;
  case move_kind::fat: lease_end(pool_machine::lease_end::done, fat_size); break;
  case move_kind::misbehaves:
    spend(budget_.troubles);
    one->grounds.insert(stop_reason::protocol);
    machine_.misbehaved(one->id);
    break;
  case move_kind::alarm:
    spend(budget_.troubles);
    one->grounds.insert(stop_reason::watchdog);
    machine_.alarm(one->id);
    break;
  case move_kind::leaves:
    spend(budget_.troubles);
    one->grounds.insert(stop_reason::left);
    machine_.leaves(one->id);
    break;
  case move_kind::alive:
    spend(budget_.troubles);
    one->sign_of_life = now_;
    machine_.alive(one->id, now_);
    break;
  case move_kind::extends:
    spend(budget_.troubles);
    if (options_.ready_within.count() > 0)
      one->ready_due = std::max(one->ready_due, now_ + std::chrono::seconds(7));
    machine_.extend_start(one->id, std::chrono::seconds(7), now_);
    break;
  case move_kind::acquire:
    spend(budget_.acquires);
    askers_.push_back(++last_asker_);
    machine_.acquire(last_asker_, now_);
    break;
  case move_kind::cancel_acquire:
    expected_answers_.insert(move.who);
    machine_.cancel_acquire(move.who);
    break;
  case move_kind::wait_ready:
    spend(budget_.waits);
    waits_[++last_asker_] = move.who;
    machine_.wait_ready(last_asker_, move.who);
    break;
  case move_kind::cancel_wait_ready:
    expected_answers_.insert(move.who);
    machine_.cancel_wait_ready(move.who);
    break;
  case move_kind::replace:
    spend(budget_.replaces);
    replacements_.push_back({++last_asker_, ++last_generation_});
    machine_.replace(last_asker_, last_generation_, now_);
    break;
  case move_kind::cancel_replace: {
    const auto found = std::ranges::find(replacements_, move.who, &replacement::asker);
    found->is_cancelled = true;
    const bool has_next =
        std::ranges::any_of(workers_, [](const auto& item) { return item.second.seat == role::next; });
    if (found != replacements_.begin() || !has_next)
      expected_answers_.insert(move.who);
    machine_.cancel_replace(move.who, now_);
    break;
  }
  case move_kind::resize:
    spend(budget_.resizes);
    change_size(move.who);
    machine_.resize(move.who, now_);
    break;
  case move_kind::cancel:
    ends(static_cast<int>(++cancels_), world_error(ECANCELED), world_error(ECANCELED));
    machine_.cancel(now_);
    break;
  case move_kind::lateness: time_passes(now_ + nanoseconds(move.who), false); break;
  case move_kind::time: {
    const pool_time to = now_ + nanoseconds(move.who);
    const bool fires = timer_ && *timer_ <= to;
    time_passes(to, fires);
    if (fires)
      machine_.timer_expired(now_);
    break;
  }
  }
  apply();
  check();
}

void pool_world::apply()
{
  if (level_ == 0 && options_.size != 0 && workers_.empty() && started_) {
    ends_by_itself_ = true;
    for (std::size_t slot = 0; slot < options_.size; ++slot)
      ends_by_itself_ = ends_by_itself_ && dormant_.contains(slot);
    if (ends_by_itself_)
      ends(2, {}, world_error(ECANCELED));
  }
  detail::pool_actions actions;
  machine_.take(actions);
  for (const detail::pool_action& action : actions)
    std::visit([this](const auto& one) { on(one); }, action);
}

void pool_world::on(const detail::spawn_worker& action)
{
  const std::size_t slot = action.worker.slot;
  expect(action.worker.number > last_worker_, "a worker's number is used again");
  last_worker_ = action.worker.number;
  expect(level_ == 0 && !finished_, "a pool that ends starts a worker");
  expect(slot < options_.size, "a worker is started beyond the size");
  const bool is_next = !replacements_.empty() && action.generation == replacements_.front().generation &&
                       !rolled_.contains(slot) && !dormant_.contains(slot);
  if (is_next) {
    for (const auto& [number, one] : workers_)
      expect(one.seat == role::current, "two slots are replaced at the same time");
    for (std::size_t before = 0; before < slot; ++before)
      expect(rolled_.contains(before) || dormant_.contains(before), "the slots are replaced out of order");
  } else {
    expect(count(slot, role::current) == 0, "a slot gets a second worker");
    expect(due_.contains(slot) && due_[slot] <= now_, "a worker is started before its time");
    expect(action.generation == (rolled_.contains(slot) ? replacements_.front().generation : generation_),
           "a worker is started by another command");
    due_.erase(slot);
  }
  worker added;
  added.id = action.worker;
  added.generation = action.generation;
  added.seat = is_next ? role::next : role::current;
  if (options_.ready_within.count() > 0)
    added.ready_due = now_ + options_.ready_within;
  workers_[added.id.number] = added;

  std::size_t within = 0;
  bool replacing = !replacements_.empty();
  for (const auto& [number, one] : workers_) {
    within += one.id.slot < options_.size;
    replacing = replacing || one.seat == role::old;
  }
  expect(within <= options_.size + replacing, "there are too many workers");
}

bool pool_world::is_justified(const worker& one, stop_reason reason) const
{
  switch (reason) {
  case stop_reason::none: return false;
  case stop_reason::not_ready: return !one.ready_since && one.ready_due <= now_ && timer_fired_;
  case stop_reason::lease_limit:
    return one.holder && options_.lease_limit.count() > 0 && one.leased_since + options_.lease_limit <= now_;
  case stop_reason::watchdog:
    return one.grounds.contains(reason) || (one.ready_since && options_.watchdog.count() > 0 &&
                                            one.sign_of_life + options_.watchdog <= now_ && timer_fired_);
  case stop_reason::age:
    return one.ready_since && options_.recycle.age.count() > 0 && *one.ready_since + options_.recycle.age <= now_;
  case stop_reason::resized: return one.id.slot >= options_.size || one.was_surplus;
  case stop_reason::replaced: return one.seat == role::old;
  case stop_reason::withdrawn: return one.seat == role::next && replacements_.front().is_cancelled;
  case stop_reason::pool_ends: return level_ > 0;
  default: return one.grounds.contains(reason);
  }
}

void pool_world::on(const detail::cancel_spawn& action)
{
  worker* const one = find(action.worker.number);
  if (!one || one->now != state::asked || one->is_cancelled)
    return fault("a start is cancelled that is none, or was cancelled");
  one->is_cancelled = true;
  const detail::pool_slot& slot = machine_.slots()[action.worker.slot];
  for (const auto* const place : {&slot.current, &slot.next, &slot.old})
    if (*place && (*place)->number == action.worker.number)
      one->reason = (*place)->leaving;
  expect(is_justified(*one, one->reason), "a start is cancelled without a reason");
}

void pool_world::on(const detail::stop_worker& action)
{
  worker* const one = find(action.worker.number);
  if (!one || one->now == state::asked || one->now == state::stopping)
    return fault("a worker is stopped that does not run, or was stopped");
  expect(told_stopping_ == action.worker.number, "a stop was not told of");
  if (one->now == state::starting && one->is_cancelled)
    ; // For the reason of then.
  else
    expect(is_justified(*one, one->reason), "a worker is stopped without a reason");
  expect(one->now != state::leased || level_ >= 2 || world_fault(one->reason), "a lease is cut short");
  one->now = state::stopping;
}

void pool_world::on(const detail::kill_worker& action)
{
  worker* const one = find(action.worker.number);
  if (!one || one->now == state::asked || one->is_killed)
    return fault("a worker is killed that does not run, or was killed");
  expect(level_ == 3, "a worker is killed too early");
  expect(one->now == state::stopping || told_stopping_ == action.worker.number, "a kill was not told of");
  one->is_killed = true;
  one->now = state::stopping;
}

void pool_world::on(const detail::hand_out& action)
{
  expect(level_ == 0, "a pool that ends gives a lease");
  if (askers_.empty() || askers_.front() != action.asker)
    return fault("a lease is given out of order, or twice, or to who did not ask");
  askers_.erase(askers_.begin());
  worker* const one = find(action.worker.number);
  if (!one || one->now != state::idle)
    return fault("a worker is leased that is not idle");
  expect(one->seat == role::current, "a worker is leased that has been replaced");
  for (const auto& [number, other] : workers_)
    expect(other.now != state::idle || other.idle_order <= one->idle_order, "a worker is leased that idles for longer");
  one->now = state::leased;
  one->holder = action.asker;
  one->leased_since = now_;
}

void pool_world::on(const detail::refuse& action)
{
  const auto found = std::ranges::find(askers_, action.asker);
  if (found == askers_.end())
    return fault("somebody is refused who does not ask");
  std::error_code error = refusal_;
  if (expected_answers_.erase(action.asker) != 0)
    error = world_error(ECANCELED);
  else if (level_ == 0) {
    error = world_error(EAGAIN);
    expect(askers_.size() > options_.most_waiting && found == askers_.end() - 1, "somebody is refused without need");
  }
  expect(action.error == error, "somebody is refused by another error");
  askers_.erase(found);
}

void pool_world::on(const detail::finish_wait& action)
{
  const auto found = waits_.find(action.asker);
  if (found == waits_.end())
    return fault("a wait is finished that is none");
  if (expected_answers_.erase(action.asker) != 0)
    expect(action.error == world_error(ECANCELED), "a cancelled wait has another error");
  else if (level_ > 0)
    expect(action.error == refusal_, "a wait has another error");
  else
    expect(!action.error && found->second <= ready_count(), "a wait is finished too early");
  waits_.erase(found);
}

void pool_world::on(const detail::finish_replace& action)
{
  const auto found = std::ranges::find(replacements_, action.asker, &replacement::asker);
  if (found == replacements_.end())
    return fault("a replacement is finished that is none");
  const bool is_first = found == replacements_.begin();
  if (expected_answers_.erase(action.asker) != 0) {
    expect(action.error == world_error(ECANCELED), "a cancelled replacement has another error");
  } else if (is_first && expected_failure_) {
    expect(action.error == *expected_failure_, "a failed replacement has another error");
    expected_failure_.reset();
  } else if (level_ > 0 && !ends_by_itself_) {
    expect(action.error == refusal_, "a replacement has another error");
  } else {
    expect(is_first && !action.error, "a replacement fails without a reason");
    for (std::size_t slot = 0; slot < options_.size; ++slot)
      expect(rolled_.contains(slot) || dormant_.contains(slot), "a replacement has left out a slot");
    for (const auto& [number, one] : workers_)
      expect(one.id.slot >= options_.size || one.generation == found->generation, "a replacement has left a worker");
    generation_ = found->generation;
  }
  if (is_first)
    rolled_.clear();
  replacements_.erase(found);
}

void pool_world::on(const detail::finish_run& action)
{
  expect(!finished_, "the run is finished twice");
  expect(level_ > 0 && workers_.empty(), "the run is finished while a worker lives");
  expect(action.error == run_error_, "the run has another error");
  finished_ = true;
}

void pool_world::on(const detail::arm_timer& action)
{
  expect(!finished_ && action.at != never, "a timer is armed for nothing");
  expect(timer_ != action.at, "the timer is armed as it was");
  timer_ = action.at;
}

void pool_world::on(const detail::disarm_timer&)
{
  expect(timer_.has_value(), "no timer is disarmed");
  timer_.reset();
}

void pool_world::on(const detail::tell& action)
{
  const pool_event& event = action.event;
  if (event.kind == pool_event_kind::stopping) {
    told_stopping_ = event.worker;
    if (worker* const one = find(event.worker))
      one->reason = event.reason;
  } else if (event.kind == pool_event_kind::backing_off) {
    expect(expected_backoff_ == std::pair(event.slot, event.delay), "another delay than the slow account has");
    expected_backoff_.reset();
  } else if (event.kind == pool_event_kind::gave_up) {
    expect(expected_give_up_ && event.error == run_error_, "the pool gives up without a reason");
    expected_give_up_ = false;
  }
}

pool_world::pool_time pool_world::expected_timer() const
{
  pool_time first = never;
  const auto add = [&first](pool_time at) { first = std::min(first, at); };
  for (const auto& [slot, at] : due_)
    if (count(slot, role::next) == 0)
      add(at);
  for (const auto& [number, one] : workers_) {
    if (one.is_cancelled || one.now == state::stopping)
      continue;
    if (!one.ready_since) {
      add(one.ready_due);
      continue;
    }
    if (one.now == state::leased && options_.lease_limit.count() > 0)
      add(one.leased_since + options_.lease_limit);
    if (options_.watchdog.count() > 0)
      add(one.sign_of_life + options_.watchdog);
    // Over during the lease, it waits for no time any more, but for the return.
    if (options_.recycle.age.count() > 0 && !one.grounds.contains(stop_reason::age))
      add(*one.ready_since + options_.recycle.age);
  }
  return first;
}

void pool_world::check()
{
  if (timer_fired_)
    for (auto& [number, one] : workers_)
      if (one.ready_since && options_.recycle.age.count() > 0 && *one.ready_since + options_.recycle.age <= now_)
        one.grounds.insert(stop_reason::age);
  expect(expected_timer() == timer_.value_or(never), "the timer is not set to the next thing that somebody needs");
  expect(!expected_backoff_, "a delay was not told of");
  expect(!expected_failure_, "a failed replacement was not answered");
  expect(expected_answers_.empty(), "a cancellation was not answered");
  expect(!expected_give_up_, "the pool has not given up");
  expect(!started_ || level_ == 0 || finished_ == workers_.empty(), "the run does not end with the last worker");
  if (level_ > 0)
    expect(askers_.empty() && waits_.empty() && replacements_.empty(), "somebody waits for a pool that ends");
  expect(askers_.size() <= options_.most_waiting, "too many wait");
  for (const auto& [asker, workers] : waits_)
    expect(workers > ready_count(), "a wait is not finished although the workers are ready");
  check_workers();
  check_counts();
  if (level_ == 0 && started_)
    check_slots();
}

void pool_world::check_workers()
{
  for (const auto& [number, one] : workers_) {
    const bool is_leaving = one.now == state::stopping || one.is_cancelled;
    const bool is_unwanted = level_ > 0 || one.id.slot >= options_.size || one.seat == role::old ||
                             std::ranges::any_of(one.grounds, [](stop_reason) { return true; });
    if (one.now == state::idle)
      expect(askers_.empty(), "a worker idles while somebody waits");
    if (one.now == state::idle && replacements_.empty())
      expect(one.generation >= generation_, "a worker of an earlier command goes on");
    if (is_unwanted && one.now != state::leased)
      expect(is_leaving, "a worker was not stopped");
    if (one.now == state::leased)
      expect(level_ < 2 && !one.grounds.contains(stop_reason::watchdog), "a leased worker was not stopped");
    if (timer_fired_ && !is_leaving)
      expect(one.ready_since || one.ready_due > now_, "a worker that is not ready in time was not stopped");
    if (level_ == 3)
      expect(one.is_killed || one.is_cancelled, "a worker was not killed");
  }
}

void pool_world::check_slots()
{
  for (std::size_t slot = 0; slot < options_.size; ++slot) {
    const bool has_next = count(slot, role::next) != 0;
    if (count(slot, role::current) == 0 && !has_next)
      expect(dormant_.contains(slot) || due_.contains(slot), "a slot was forgotten");
    if (due_.contains(slot) && !has_next && timer_fired_)
      expect(due_[slot] > now_, "a worker was not started in time");
  }
  std::size_t extra = 0;
  for (const auto& [number, one] : workers_)
    extra += one.seat != role::current;
  expect(extra <= 1, "more than one worker too many");
  expect(replacements_.empty() || extra == 1, "a replacement does not go on");
}

void pool_world::check_counts()
{
  pool_counts all{.waiting = askers_.size(), .deaths = deaths_};
  for (const auto& [number, one] : workers_) {
    all.starting += one.now == state::asked || one.now == state::starting;
    all.ready += one.now == state::idle;
    all.leased += one.now == state::leased;
    all.stopping += one.now == state::stopping;
  }
  expect(machine_.counts() == all, "the counts are wrong");
  expect(machine_.is_finished() == finished_, "the machine does not know that it is finished");
}

std::string pool_world::key() const
{
  std::ostringstream text;
  const auto after = [&](pool_time at) {
    text << (at == never ? -1 : std::max<nanoseconds>(at - now_, {}).count()) << ',';
  };
  // How long it was ready matters only until it is healthy, and of age.
  const auto since = [&](pool_time at) {
    text << std::min<nanoseconds>(now_ - at, std::max(options_.delay.healthy, options_.recycle.age)).count() << ',';
  };
  text << level_ << cancels_ << finished_ << ever_ready_ << run_error_.value() << options_.size << ';'
       << budget_.acquires << ',' << budget_.waits << ',' << budget_.replaces << ',' << budget_.resizes << ','
       << budget_.troubles << ',' << budget_.deaths << ';' << askers_.size() << ';';
  for (const auto& [asker, workers] : waits_)
    text << workers << ',';
  text << ';';
  for (const replacement& one : replacements_)
    text << one.is_cancelled << static_cast<int>(one.generation - generation_) << ',';
  std::vector<std::uint64_t> order;
  for (const auto& [number, one] : workers_)
    if (one.now == state::idle)
      order.push_back(one.idle_order);
  std::ranges::sort(order);
  for (const auto& [number, one] : workers_) {
    text << "|w" << one.id.slot << static_cast<int>(one.seat) << static_cast<int>(one.now) << one.is_cancelled
         << one.is_killed << one.holder.has_value() << one.was_surplus << static_cast<int>(one.reason) << '.'
         << (one.most_uses != 0 ? one.uses : 0) << '.' << one.most_uses << '.'
         << static_cast<int>(one.generation - generation_) << '.'
         << std::ranges::find(order, one.idle_order) - order.begin() << '.';
    for (const stop_reason reason : one.grounds)
      text << static_cast<int>(reason) << ',';
    after(one.ready_due);
    if (one.ready_since)
      since(*one.ready_since);
    if (options_.lease_limit.count() > 0 && one.now == state::leased)
      after(one.leased_since + options_.lease_limit);
    if (options_.watchdog.count() > 0 && one.ready_since)
      after(one.sign_of_life + options_.watchdog);
  }
  text << "|d";
  for (const auto& [slot, at] : due_) {
    text << slot << '.';
    after(at);
  }
  for (const std::size_t slot : dormant_)
    text << 'x' << slot;
  for (const std::size_t slot : rolled_)
    text << 'r' << slot;
  // From some number on the delay stays the same.
  const auto deaths_that_matter = [&](unsigned deaths) {
    return slow_delay(deaths, 0) < options_.delay.most ? deaths : 1000;
  };
  for (const auto& [slot, deaths] : row_)
    text << 'n' << slot << '.' << deaths_that_matter(deaths);
  for (const pool_time at : death_times_)
    if (now_ - at < options_.within)
      text << 'm' << (now_ - at).count();
  // What the machine alone knows.
  for (const detail::pool_slot& slot : machine_.slots()) {
    text << '|' << deaths_that_matter(slot.failures) << slot.is_dormant << slot.restart_armed
         << slot.restart_at.has_value() << static_cast<int>(slot.generation - generation_);
    for (const auto* const place : {&slot.current, &slot.next, &slot.old})
      if (*place)
        text << static_cast<int>((*place)->now) << '.' << static_cast<int>((*place)->leaving) << ',';
  }
  return text.str();
}

} // namespace subprocess::tests
