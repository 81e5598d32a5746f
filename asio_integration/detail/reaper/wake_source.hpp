#pragma once

#include <memory>
#include <system_error>

#include <asio_integration/detail/asio_internals.hpp>
#include <asio_integration/detail/wait_memory.hpp>
#include <asio_integration/reaper.hpp>
#include <subprocess/detail/process/process.hpp>

namespace subprocess::detail {

/// What a source asks the reaper to do about children that may have ended.
class reaping {
public:
  /// Reaps the child of that number if it is ours, of which the kernel has said that it has
  /// ended. One that cannot be reaped yet (a tracer may keep it) is looked at now and then
  /// instead.
  /// \return Whether it was ours and is now reaped.
  virtual bool look(pid_t pid) noexcept = 0;

  /// Looks at every child, or at those that no source tells of.
  virtual void look_at_all() noexcept = 0;
  virtual void look_at_unwatched() noexcept = 0;

  /// The source's wait is over.
  virtual void woken() = 0;

protected:
  ~reaping() = default;
};

struct wake_reaper {
  reaping* reaper;
  void operator()(std::error_code) const { reaper->woken(); }
};
using wake_handler = wait_handler<wake_reaper>;

/// What wakes the reaper. The reaper's lock guards all but dispatch().
class wake_source {
public:
  virtual ~wake_source() = default;

  virtual reaper_source kind() const noexcept = 0;

  /// \return Whether the source will tell of this child's end, and of an end
  ///         that came before this call. If not, the reaper looks by itself.
  virtual bool watch(process& child) noexcept = 0;

  /// Once for each that is watched, before the child's descriptor is closed.
  virtual void unwatch(process& child) noexcept = 0;

  /// Starts one wait. The handler runs once, also after an error.
  virtual void async_wake(wake_handler woken) = 0;

  /// The program is about to fork, and the copy may go on with the context. The wait may
  /// end by this, with an error.
  virtual void before_fork() {}

  /// Looks at those that may have ended.
  /// \return Whether to call again, after the handlers of those.
  virtual bool dispatch(reaping& reaper) noexcept = 0;
};

std::unique_ptr<wake_source> make_sigchld_source(const loop_executor& executor);

/// The source beside SIGCHLD that this system has; reaper_source::sigchld where there is
/// none, and then none can be made.
reaper_source native_source() noexcept;
std::unique_ptr<wake_source> make_native_source(const loop_executor& executor);

} // namespace subprocess::detail
