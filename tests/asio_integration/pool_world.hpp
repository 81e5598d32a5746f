#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include <asio_integration/detail/pool/pool_machine.hpp>

namespace subprocess::tests {

/// One thing that can happen to a pool.
struct pool_move {
  enum class kind {
    start,
    spawned,
    spawn_failed,
    ready,
    dies,     ///< By a signal.
    finishes, ///< With exit code 0.
    fails_for_good,
    stop_fails,
    returned,
    dropped,
    broken,
    fat, ///< Returned, and it has grown.
    misbehaves,
    alarm,
    leaves,
    alive,
    extends,
    acquire,
    cancel_acquire,
    wait_ready,
    cancel_wait_ready,
    replace,
    cancel_replace,
    resize,
    cancel,
    time,     ///< It passes, and the timer expires if it is due.
    lateness, ///< It passes, and the timer is late.
  };
  kind what = kind::start;
  std::uint64_t who = 0; ///< A worker or an asker; a size; nanoseconds.
};

std::string to_string(const pool_move& move);

/// How much of what comes from outside may happen; worker's troubles always may.
struct pool_budget {
  unsigned acquires = 0;
  unsigned waits = 0;
  unsigned replaces = 0;
  unsigned resizes = 0;
  unsigned troubles = 0; ///< Misbehaving, alarms, leaving, signs of life, extensions.
  unsigned deaths = 1000;
  bool cancels = true;
  std::size_t largest = 2;
};

/// A machine, the workers it believes in, and a slow and obvious account of what it
/// has to do about them. Every action is compared with that as it comes.
///
/// A copy is a world of its own, so that all that can happen can be explored.
class pool_world {
public:
  pool_world(const worker_pool_options& options, const pool_budget& budget);

  /// All that can happen next.
  std::vector<pool_move> moves() const;

  /// \param random  What the machine is given for it.
  void make(const pool_move& move, double random);

  const std::vector<std::string>& faults() const { return faults_; }
  bool is_finished() const { return finished_; }
  bool has_worker() const { return !workers_.empty(); }

  /// The same for two worlds only if all that can follow is the same.
  std::string key() const;

private:
  enum class role { current, next, old };
  enum class state { asked, starting, idle, leased, stopping };
  using pool_time = detail::pool_time;

  struct worker {
    detail::worker_id id;
    unsigned generation = 0;
    role seat = role::current;
    state now = state::asked;
    bool is_cancelled = false; // While it is asked for.
    bool is_killed = false;
    std::optional<std::uint64_t> holder; // Who has the lease, even when the worker is stopping.
    pool_time ready_due = detail::never;
    pool_time leased_since{}, sign_of_life{};
    std::optional<pool_time> ready_since;
    std::size_t uses = 0, most_uses = 0;
    std::uint64_t idle_order = 0;
    bool was_surplus = false;
    std::set<stop_reason> grounds; // By what has happened to it.
    stop_reason reason = stop_reason::none;
  };

  struct replacement {
    std::uint64_t asker;
    unsigned generation;
    bool is_cancelled = false;
  };

  void fault(const std::string& text);
  void expect(bool holds, const char* text);

  // What the move means, before the machine is asked.
  void lease_ends(worker& one, detail::pool_machine::lease_end how, std::size_t rss);
  void worker_ends(worker gone, bool was_spawned, exit_status status, std::error_code error, double random);
  void current_dies(const worker& gone, exit_status status, std::error_code error, double random);
  void time_passes(pool_time to, bool timer);
  void change_size(std::size_t size);
  void ends(int level, std::error_code run, std::error_code others);
  void mark_ready(worker& one);

  // What the machine answers.
  void apply();
  void on(const detail::spawn_worker& action);
  void on(const detail::cancel_spawn& action);
  void on(const detail::stop_worker& action);
  void on(const detail::kill_worker& action);
  void on(const detail::hand_out& action);
  void on(const detail::refuse& action);
  void on(const detail::finish_wait& action);
  void on(const detail::finish_replace& action);
  void on(const detail::finish_run& action);
  void on(const detail::arm_timer& action);
  void on(const detail::disarm_timer& action);
  void on(const detail::tell& action);
  bool is_justified(const worker& one, stop_reason reason) const;

  // What holds after every move.
  void check();
  void check_slots();
  void check_workers();
  void check_counts();
  pool_time expected_timer() const;

  worker* find(std::uint64_t number);
  std::size_t count(std::size_t slot, role seat) const;
  std::size_t ready_count() const;
  std::chrono::nanoseconds slow_delay(unsigned deaths, double random) const;

  worker_pool_options options_;
  pool_budget budget_;
  detail::pool_machine machine_;
  pool_time now_ = pool_time(std::chrono::hours(1));

  bool started_ = false;
  int level_ = 0; // 1: draining, 2: stopping, 3: killing.
  unsigned cancels_ = 0;
  bool finished_ = false;
  std::error_code run_error_, refusal_;
  bool ends_by_itself_ = false;

  std::map<std::uint64_t, worker> workers_;
  std::uint64_t last_worker_ = 0, idle_orders_ = 0;
  std::vector<std::uint64_t> askers_;
  std::map<std::uint64_t, std::size_t> waits_;
  std::vector<replacement> replacements_;
  std::uint64_t last_asker_ = 0;
  unsigned generation_ = 0, last_generation_ = 0;
  std::set<std::size_t> rolled_; // Slots that the first replacement is done with.

  std::map<std::size_t, unsigned> row_;  // Deaths in a row, by slot.
  std::map<std::size_t, pool_time> due_; // Restarts.
  std::set<std::size_t> dormant_;
  std::vector<pool_time> death_times_;
  std::uint64_t deaths_ = 0;
  bool ever_ready_ = false;

  std::optional<pool_time> timer_;
  bool timer_fired_ = false; // In this move.
  std::optional<std::pair<std::size_t, std::chrono::nanoseconds>> expected_backoff_;
  std::optional<std::error_code> expected_failure_; // Of the first replacement.
  std::set<std::uint64_t> expected_answers_;        // To who has cancelled.
  bool expected_give_up_ = false;
  std::uint64_t told_stopping_ = 0;

  std::vector<std::string> faults_;
};

} // namespace subprocess::tests
