#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>

#include <asio_integration/detail/reaper/wake_source.hpp>

namespace subprocess::detail {

/// What a kqueue has to tell.
struct kqueue_events {
  static constexpr std::size_t most = 64; // What does not fit is told by the next call.

  pid_t exited[most];
  std::size_t exited_count = 0;
  bool timer_passed = false;
};

/// The calls that the watch makes. No kqueue but the tests' own is on this system.
class kqueue_calls {
public:
  /// EVFILT_PROC, NOTE_EXIT, once. Returns 0 or an errno.
  virtual int add(pid_t pid) noexcept = 0;
  virtual void remove(pid_t pid) noexcept = 0;

  /// EVFILT_TIMER, once; instead of one that has not passed. Returns 0 or an errno.
  virtual int start_timer(std::chrono::milliseconds time) noexcept = 0;

  /// Takes what there is, and does not wait.
  virtual void take(kqueue_events& events) noexcept = 0;

  /// waitid(2) with WNOHANG and WNOWAIT: whether the child can be reaped, or is nobody's.
  virtual bool can_be_reaped(pid_t pid) noexcept = 0;

protected:
  ~kqueue_calls() = default;
};

/// Which children a kqueue tells of, and what is done about an exit.
///
/// A child is told as exiting some time before it can be reaped, and cannot be added to
/// the kqueue in that time. It is looked at again then: soon, later and later, and
/// after half a second it is left to the reaper, who looks now and then.
///
/// Thread safety: as wake_source, whose lock is held in all but dispatch().
class exit_watch {
public:
  explicit exit_watch(kqueue_calls& calls) noexcept : calls_(calls) {}

  /// \return Whether dispatch() will tell of its end. If not, it may have ended already.
  bool watch(pid_t pid) noexcept;

  /// Also for one whose end was told.
  void unwatch(pid_t pid) noexcept;

  /// The kqueue is readable.
  void dispatch(reaping& reaper) noexcept;

  /// Looks at an exiting child after 1 ms, 2 ms, 4 ms, ...
  static constexpr unsigned most_looks = 9;

private:
  bool look_soon(pid_t pid) noexcept;
  void exited(pid_t pid, reaping& reaper) noexcept;
  void look_again(reaping& reaper) noexcept;
  pid_t exiting_after(pid_t pid) noexcept;
  bool looked_in_vain(pid_t pid) noexcept;
  void look_last(pid_t pid, reaping& reaper) noexcept;
  bool start_timer() noexcept;

  kqueue_calls& calls_;
  std::mutex mutex_;                   // Guards all below. Nobody is called with it.
  std::map<pid_t, unsigned> exiting_;  // How many looks were in vain.
  std::chrono::milliseconds timer_{0}; // What was started and has not passed.
};

} // namespace subprocess::detail
