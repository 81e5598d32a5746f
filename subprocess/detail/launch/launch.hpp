#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <subprocess/command.hpp>
#include <subprocess/detail/launch/child_parts.hpp>
#include <subprocess/detail/launch/core_locks.hpp>
#include <subprocess/detail/launch/launch_plan.hpp>
#include <subprocess/detail/launch/make_process.hpp>
#include <subprocess/error.hpp>

namespace subprocess::detail {

/// How a launch is told of its verdict.
enum class told_by {
  waiting, ///< A thread stands still in wait().
  looking, ///< A thread stands still in wait_briefly(), then an event loop looks now and then.
  pipe,    ///< An event loop watches outcome().
  end,     ///< Nothing: whoever reaps the child asks then.
};

/// One start of a command, from the first descriptor to the verdict: whether the
/// child became its program, and if not, why.
///
/// Thread safety: kill() is safe at any time once the object is made; the rest is
/// for one thread at a time.
class launch {
public:
  using clock = std::chrono::steady_clock;

  /// \param what     Has to outlive it.
  /// \param failure  Set when the command is no good.
  launch(const command& what, const stream_defaults& defaults, spawn_failure& failure);

  /// Owns the command. For make_launch().
  launch(std::unique_ptr<command> what, const stream_defaults& defaults, spawn_failure& failure);

  launch(const launch&) = delete;
  launch& operator=(const launch&) = delete;
  ~launch();

  /// How the child is made.
  launcher used() const noexcept { return used_; }

  /// Whether making the child takes no longer than a few system calls, so that an
  /// event loop may do it.
  bool is_short() const noexcept;

  /// Makes the child, behind the gate: whoever has it shut already hands it on.
  /// \param failure  Set when there is no child. When it is not set and there is
  ///                 none, is_short() has become false, and it is to be tried again.
  void start(told_by how, std::unique_lock<launch_gate> gate, spawn_failure& failure);

  bool has_child() const noexcept { return process_ && process_->id() != -1; }

  /// What an event loop watches: its end says that there may be a verdict. It has
  /// to be told by outcome_ended().
  unique_fd take_outcome() noexcept { return std::move(outcome_); }
  void outcome_ended() noexcept;

  /// Whether there is a verdict. A failed child is then ending, and not reaped.
  /// \param failure  Set when the child did not become its program.
  bool has_verdict(spawn_failure& failure);

  /// Nothing came for a while: a child that was stopped before its exec goes on.
  void nudge() noexcept;

  /// Blocks until there is a verdict, or for so long.
  void wait_briefly(std::chrono::nanoseconds limit, spawn_failure& failure);

  /// Blocks until there is a verdict. A child that failed is reaped. When there is
  /// none then and no failure either, it is to be started again.
  /// \param deadline  Then it is killed, and the failure is `ETIMEDOUT`.
  void wait(std::optional<clock::time_point> deadline, spawn_failure& failure);

  /// SIGKILL. Nothing before the child is made.
  void kill() noexcept;

  /// What to say of a launch that took too long: what it was doing.
  spawn_failure out_of_time() const;

  const std::shared_ptr<process>& handle() const noexcept { return process_; }

  /// Whether somebody observes this launch, who is to hear of it as it goes.
  bool is_observed() const noexcept { return seen_ != nullptr; }

  /// There will be no program: observers are told.
  void tell_failed(const spawn_failure& failure) const noexcept;

  /// What the caller gets of a child that runs, or may yet fail. Observers are told that
  /// it runs; an observed child may not fail any more.
  child_parts take() noexcept;

  spawn_failure fail(spawn_step step, int error, std::string detail = {}) const
  {
    return plan_.fail(step, error, std::move(detail));
  }
  const command::settings& settings() const noexcept { return plan_.settings(); }

private:
  friend struct dispose_launch;

  /// How long a stopped child can go unnoticed.
  static constexpr std::chrono::milliseconds tick{20};

  void prepare(spawn_failure& failure);
  void open_ends(told_by how, spawn_failure& failure);
  int make(told_by how);
  int make_once(told_by how);
  bool needs_nothing_of_ours() const noexcept;
  bool may_not_unshare() const noexcept;
  void begin_anew();
  void end_child() noexcept;
  void await_own_table() noexcept;
  bool may_fall_back(int error) noexcept;
  bool may_go_on_elsewhere() noexcept;
  bool has_pipe_told() const noexcept;
  bool has_told() noexcept;
  void wait_a_while(std::chrono::nanoseconds limit) noexcept;
  void close_theirs() noexcept;
  void tell_abandoned() const noexcept;
  void drop_child() noexcept;
  bool is_in_use() const noexcept;
  child_report& report() noexcept { return shared_report_ ? *shared_report_ : own_report_; }
  const child_report& report() const noexcept { return shared_report_ ? *shared_report_ : own_report_; }

  const std::unique_ptr<command> owned_;       // Null when the command is the caller's.
  const std::shared_ptr<observed_child> seen_; // Null when nobody observes.
  launch_plan plan_;
  launcher used_ = launcher::automatic;
  bool is_open_ = false;  // The ends are made.
  bool is_piped_ = false; // The end of the outcome pipe is yet to come.
  bool is_taken_ = false; // The child is somebody's.

  std::shared_ptr<process> process_;
  child_plan for_child_; // One child's own.
  std::vector<fd_move> moves_;
  child_start start_; // What the child reads.
  child_report own_report_;
  child_report* shared_report_ = nullptr; // Of a child with a memory of its own.
  unique_fd outcome_;
  unique_fd outcome_of_child_;
  std::optional<clock::time_point> ended_in_hook_; // When that was noticed.
  launch* next_ = nullptr;                         // Among those that a child still uses.
};

/// Frees a launch when no child reads it any more: now, or on a later occasion of
/// this kind. Closes all descriptors at once.
struct dispose_launch {
  void operator()(launch* done) const noexcept;
};

/// The last of them calls dispose_launch.
using launch_pointer = std::shared_ptr<launch>;

launch_pointer make_launch(command what, const stream_defaults& defaults, spawn_failure& failure);

} // namespace subprocess::detail
