#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <system_error>
#include <vector>

#include <asio_integration/detail/pool/pool_action.hpp>
#include <asio_integration/detail/pool/pool_worker.hpp>
#include <asio_integration/detail/pool/restart_policy.hpp>
#include <asio_integration/worker_pool_options.hpp>

namespace subprocess::detail {

/// Everything a pool decides: it is told what happens, and answers with what is to
/// be done. It has no process, no event loop, no clock and no dice of its own.
///
/// What is told of a worker that is gone is ignored, so that news may cross each
/// other. A copy is a pool of its own.
///
/// Random numbers are from 0 up to, and without, 1.
///
/// Thread safety: distinct objects are safe.
class pool_machine {
public:
  /// How a conversation with a worker has ended.
  enum class lease_end {
    done,
    dropped, ///< Nobody knows what is left in its streams.
    broken,  ///< It did not keep to the protocol.
  };

  explicit pool_machine(worker_pool_options options);

  // What happens to the pool.
  void start(pool_time now);
  void cancel(pool_time now); ///< Each further one is stricter.
  void resize(std::size_t size, pool_time now);
  void timer_expired(pool_time now); ///< Too early does no harm.

  // What is asked of it. A cancellation of what has been answered is ignored.
  void acquire(asker_id asker, pool_time now);
  void wait_ready(asker_id asker, std::size_t workers);
  void replace(asker_id asker, unsigned generation, pool_time now);
  void cancel_acquire(asker_id asker);
  void cancel_wait_ready(asker_id asker);
  void cancel_replace(asker_id asker, pool_time now);

  // What happens to a worker.
  void spawned(worker_id id, pid_t pid, pool_time now, double random);
  void spawn_failed(worker_id id, std::error_code error, pool_time now, double random);
  void ready(worker_id id, pool_time now); ///< Not needed with readiness::exec().
  void extend_start(worker_id id, std::chrono::nanoseconds time, pool_time now);
  void alive(worker_id id, pool_time now); ///< WATCHDOG=1
  void alarm(worker_id id);                ///< WATCHDOG=trigger
  void misbehaved(worker_id id);           ///< It wrote what it was not asked for.
  void leaves(worker_id id);               ///< STOPPING=1
  void reloading(worker_id id);
  void returned(worker_id id, lease_end how, std::size_t peak_rss, pool_time now);
  void ended(worker_id id, exit_status status, pool_time now, double random);
  void stop_failed(worker_id id, std::error_code error, pool_time now, double random); ///< It is given up.

  /// What is to be done, in this order. `into` is overwritten; its memory is used
  /// again.
  void take(pool_actions& into);

  pool_counts counts() const;

  /// Whether it is ready and not leased.
  bool is_idle(worker_id id) noexcept;

  /// Whether async_run has been completed.
  bool is_finished() const noexcept { return stage_ == stage::finished; }

  /// The slots of the pool, and above its size those whose worker still ends.
  const std::vector<pool_slot>& slots() const noexcept { return slots_; }

private:
  enum class stage { not_started, running, draining, stopping, killing, finished };
  enum class seat { current, next, old };
  using phase = pool_worker::phase;

  struct placed_worker {
    pool_worker* worker = nullptr;
    seat where = seat::current;
    explicit operator bool() const noexcept { return worker != nullptr; }
  };
  struct ready_asker {
    asker_id asker;
    std::size_t workers;
  };
  struct rollout {
    asker_id asker;
    unsigned generation;
    std::size_t slot = 0;   // All before it are done.
    bool has_begun = false; // In that slot.
    std::error_code error{};
  };
  struct ending { // Of a worker, by whatever.
    bool was_told = false;
    stop_reason reason = stop_reason::none;
    exit_status status{};
    std::error_code error{};
  };

  bool is_running() const noexcept { return stage_ == stage::running; }
  bool is_ending() const noexcept { return stage_ > stage::running; }
  placed_worker find(worker_id id) noexcept;
  std::size_t ready_count() const noexcept { return idle_.size() + leased_; }
  void tell_of(pool_event_kind kind, worker_id id, const pool_worker& worker);

  // pool_machine.cpp: leases and deadlines.
  void offer(worker_id id, pool_worker& worker, pool_time now);
  void hand(asker_id asker, worker_id id, pool_worker& worker, pool_time now);
  stop_reason reason_after_lease(const pool_worker& worker, lease_end how, std::size_t peak_rss) const;
  void tell_ready_askers();
  void set_due(worker_id id, pool_worker& worker, deadline_kind kind, pool_time at);
  void clear_due(worker_id id, pool_worker& worker);
  void handle(deadline due, pool_time now);
  void set_timer();

  // pool_supervision.cpp: the life of a worker; pool_restart.cpp: its end.
  void begin(std::size_t slot, seat where, unsigned generation, pool_time now);
  void become_ready(worker_id id, placed_worker found, pool_time now);
  void missed_start(worker_id id, placed_worker found, pool_time now);
  void stop(worker_id id, pool_worker& worker, stop_reason reason);
  void stop_after_lease(worker_id id, pool_worker& worker, stop_reason reason);
  void no_longer_ready(worker_id id, const pool_worker& worker);

  void vacate(worker_id id, seat where, const ending& how, pool_time now, double random);
  void current_ended(std::size_t slot, const pool_worker& gone, const ending& how, pool_time now, double random);
  void died(std::size_t slot, const ending& how, pool_time now, double random);
  void restart(std::size_t slot, pool_time at, pool_time now);
  void disarm_restart(std::size_t slot);

  // pool_lifetime.cpp: its beginning and end.
  void end(stage how, std::error_code error, std::error_code for_others);
  void wind_down(worker_id id, pool_worker& worker);
  void give_up(std::error_code error);
  void settle(pool_time now);

  // pool_rollout.cpp: its size and its command.
  void join(std::size_t slot, pool_time now);
  void part(std::size_t slot);
  void roll(pool_time now);
  void take_over(std::size_t slot);
  void next_failed(std::size_t slot, const ending& how, pool_time now);
  void drop_rollout(std::error_code error);

  worker_pool_options options_;
  stage stage_ = stage::not_started;
  unsigned cancellations_ = 0;
  std::error_code run_error_;
  std::error_code refusal_; // What is asked of a pool that ends gets this.

  std::vector<pool_slot> slots_;
  std::uint64_t last_number_ = 0;
  unsigned generation_ = 0; // Of the pool; a slot is ahead of it during a rollout.
  bool ever_ready_ = false;
  std::size_t alive_ = 0;
  std::size_t extra_ = 0; // Workers that are next or old.
  std::size_t leased_ = 0;
  std::vector<worker_id> idle_; // The last one goes first: it is warm.

  std::uint64_t deaths_ = 0;
  recent_deaths recent_;

  std::deque<asker_id> askers_; // None while a worker is idle.
  std::vector<ready_asker> ready_askers_;
  std::deque<rollout> rollouts_; // The first is under way.

  deadlines deadlines_;
  pool_time armed_ = never;
  pool_actions actions_;
};

} // namespace subprocess::detail
