#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <subprocess/child_change.hpp>
#include <subprocess/detail/durations.hpp>
#include <subprocess/exit_report.hpp>
#include <subprocess/exit_status.hpp>
#include <subprocess/stop_sequence.hpp>
#include <subprocess/unique_fd.hpp>

namespace subprocess::detail {

class observed_child;

/// Whether waitid(2) tells of a stop. Whoever traces a child is told of its stops whatever
/// he asks for, and may be this program. They are the tracer's to take, and no ends.
/// ptrace(2).
inline bool is_stop(const siginfo_t& info) noexcept
{
  return info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED;
}

/// What else of the child can be ended with it.
struct kin {
  bool leads_group = false; ///< It leads a process group made for it.
  std::string cgroup;       ///< It was put there; empty when it was not.
};

/// One child process: reaped and signalled under one lock, so that no signal
/// can reach a number that the kernel has given to somebody else.
///
/// In a fork of the program a child that had not ended yet is lost, and no call
/// takes the lock: another thread may have held it at the fork.
///
/// Thread safety: safe.
class process {
public:
  enum class state {
    running,
    ended, ///< Reaped; status() has it.
    lost,  ///< Reaped by other code, or by the kernel (SIGCHLD ignored).
  };

  using clock = std::chrono::steady_clock;

  /// \param pidfd    May be empty.
  /// \param started  When the child was made.
  process(pid_t pid, unique_fd pidfd, clock::time_point started = clock::now(), kin relatives = {}) noexcept;

  /// For a child that is yet to be made, so that nothing can fail once it is.
  explicit process(kin relatives) noexcept : process(-1, {}, clock::now(), std::move(relatives)) {}

  /// A child that something else has made.
  /// \param ec  `ECHILD`: it is not ours, or not any more. `EINVAL`: no number of one.
  static std::shared_ptr<process> adopt(pid_t pid, std::error_code& ec);

  /// The child was made. Once, before anybody else knows this object.
  void begin(pid_t pid, unique_fd pidfd) noexcept;

  /// Its end is told there, once; at once when it has ended already.
  void observe(std::shared_ptr<observed_child> seen) noexcept;

  pid_t id() const noexcept { return pid_; }

  /// A pidfd, opened now if need be, that stays open until release_pidfd(); the
  /// last release after the child was reaped closes it. -1 where the system has
  /// none, or the child runs no more: then there is nothing to release.
  int hold_pidfd() noexcept;
  void release_pidfd() noexcept;

  /// For whoever holds it.
  int pidfd() const noexcept;

  /// One for somebody else, close-on-exec and 3 or above.
  /// \param ec  `EINVAL`: the child runs no more. `ENOSYS`: there is no such thing here.
  ///            `EMFILE`: there is none to be had.
  unique_fd duplicate_pidfd(std::error_code& ec) noexcept;

  /// Reaps the child if it has ended. Never blocks.
  state try_reap() noexcept;

  /// The same for one that is known to have ended, which saves a look: not only to have
  /// stopped, of which a child's tracer hears as of an end.
  state reap_ended() noexcept;

  /// Blocks until the child has ended, and reaps it.
  state reap() noexcept;

  /// The kernel has given its number to another child: others have reaped it.
  void lose() noexcept;

  /// That the child was stopped or continued, if nobody has taken that yet; it
  /// is taken by this. Never an end.
  std::optional<child_change> take_change() noexcept;

  /// Blocks until there may be something to take, or the child has ended or is
  /// lost. An error when the system refuses that.
  std::error_code wait_for_change() const noexcept;

  state current() const noexcept;

  /// Moves out what several threads that wait may want to close: one of them gets it, and
  /// no number is closed twice.
  unique_fd take(unique_fd& from) noexcept;

  // None of these takes the lock: what they tell is written once, before the state.
  exit_status status() const noexcept;
  std::optional<rusage> usage() const noexcept;
  std::optional<exit_report> report() const noexcept;

  /// `invalid_argument` once the child was reaped or lost.
  std::error_code signal(int number) noexcept;

  /// As signal(), for the group that the child leads. A zombie still holds its
  /// group's number, a reaped child no longer does.
  std::error_code signal_group(int number) noexcept;
  std::error_code signal_to(stop_sequence::target whom, int number) noexcept;

  /// One signal of a stop sequence, and SIGCONT: a stopped child could not obey.
  std::error_code ask_to_end(stop_sequence::target whom, int number) noexcept;

  /// SIGKILL, at the end of a sequence: the child gets it also when it has left
  /// the group that is being stopped.
  std::error_code kill(stop_sequence::target whom) noexcept;
  bool leads_group() const noexcept { return kin_.leads_group; }

  /// Kills the child's cgroup, reaped or not. `EINVAL` when it has none.
  std::error_code kill_tree() const;

  /// While such calls are unpaired, what is left of the group when its leader has
  /// ended is killed, before the leader is reaped.
  void begin_group_stop() noexcept;
  void end_group_stop() noexcept;

  /// Whether this is the program that started the child, and not its fork.
  bool is_parent() const noexcept;

  /// Whether the child has ended or is lost. Reaps nothing.
  bool has_ended() const noexcept;

  /// Whether it is stopped. That stays to be told to who waits for changes.
  bool is_stopped() const noexcept;

  /// The next in the list of orphans, whose lock guards it.
  std::shared_ptr<process> next_orphan;

private:
  state reap_now(bool is_said_to_have_ended) noexcept;

  // The lock is held in both.

  /// What try_reap() would find; nothing where a sandbox lets nobody look.
  std::optional<state> look() const noexcept;

  void run_no_more(state how) noexcept;

  void tell_end() const noexcept;

  pid_t pid_;
  const pid_t parent_;
  const clock::time_point started_;
  const kin kin_;
  mutable std::mutex mutex_;
  unique_fd pidfd_;
  int pidfd_users_ = 0;
  std::atomic<state> state_ = state::running;
  exit_status status_;
  rusage usage_{};
  clock::time_point ended_;
  int group_stops_ = 0;
  std::shared_ptr<observed_child> seen_; // Null when nobody observes.
};

/// Holds a child's pidfd for as long as it lives. Somebody who polls it must not
/// find another's descriptor under its number when the child is reaped meanwhile.
class pidfd_use {
public:
  pidfd_use() noexcept = default;
  explicit pidfd_use(process& child) noexcept : child_(&child), fd_(child.hold_pidfd()) {}
  pidfd_use(pidfd_use&& other) noexcept : child_(other.child_), fd_(std::exchange(other.fd_, -1)) {}
  pidfd_use& operator=(pidfd_use&& other) noexcept
  {
    std::swap(child_, other.child_);
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~pidfd_use()
  {
    if (fd_ != -1)
      child_->release_pidfd();
  }

  /// -1 when there is none.
  int get() const noexcept { return fd_; }

private:
  process* child_ = nullptr;
  int fd_ = -1;
};

/// What a state means for someone who waits: nothing, or `no_child_process`.
std::error_code error_of(process::state state) noexcept;

} // namespace subprocess::detail
