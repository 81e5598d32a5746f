#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <system_error>

#include <subprocess/child_change.hpp>
#include <subprocess/command.hpp>
#include <subprocess/detail/durations.hpp>
#include <subprocess/exit_report.hpp>
#include <subprocess/exit_status.hpp>
#include <subprocess/unique_fd.hpp>

namespace subprocess {

namespace detail {
class process;
struct child_parts;
} // namespace detail

/// A started child process, and our ends of the pipes tied to it.
///
/// Move-only. Default-constructed, moved from or left by a spawn that failed it
/// is empty: id() is -1, the pipes are empty, everything else fails with
/// `EINVAL`. Destroying a child that was not waited for does not wait; it kills
/// only after command::kill_on_destroy(true). What ends later is reaped on the
/// occasion of later spawns, so it does not stay a zombie for ever.
///
/// Thread safety: distinct objects are safe; signalling one object while other
/// threads wait on it is safe; everything else is not.
/// \source std::process::Child.
class child {
public:
  child() noexcept = default;
  explicit child(detail::child_parts parts) noexcept;

  /// A child of this process that something else has started: fork(), or another
  /// library. From here on it is waited for and reaped by this object alone, or on the
  /// occasion of later spawns when that is dropped; whoever else reaps it makes the
  /// waits here fail with `ECHILD`. So it must not be one of this library's own.
  ///
  /// Nothing of it is known but its number: there are no pipes, no group to be
  /// killed, and its wall time counts from now.
  /// \param ec  `ECHILD`: not a child of ours, or reaped already. `EINVAL`: no such
  ///            number can be.
  /// \source    waitid(2), pidfd_open(2).
  static child adopt(pid_t pid, std::error_code& ec);
  static child adopt(pid_t pid);

  child(child&&) noexcept = default;
  child& operator=(child&& other) noexcept;
  ~child();

  /// The process id; it stays known after the child was reaped. -1 when empty.
  pid_t id() const noexcept;

  /// A descriptor that stands for the process: it is readable when the child has ended,
  /// and its number is nobody else's ever. It is a duplicate, close-on-exec and the
  /// caller's; who reaps the child by it makes the waits here fail with `ECHILD`.
  /// \param ec  `EINVAL`: reaped already, or empty. `ENOSYS`: this system has none.
  ///            `EMFILE`: no descriptor to be had.
  /// \source    pidfd_open(2).
  unique_fd pidfd(std::error_code& ec) const noexcept;
  unique_fd pidfd() const;

  /// How the child was made.
  launcher launcher_used() const noexcept { return launcher_; }

  /// Our end of the child's stdin; empty unless stdio::pipe() or stdio::socket() was
  /// asked for. As the other two it is blocking and close-on-exec. A plain write() raises
  /// SIGPIPE when nobody reads any more, and fails with `EPIPE` where that is ignored.
  unique_fd& stdin_pipe() noexcept { return pipes_[0]; }

  /// Our end of the child's stdout; empty unless stdio::pipe() or stdio::socket() was
  /// asked for.
  unique_fd& stdout_pipe() noexcept { return pipes_[1]; }

  /// Our end of the child's stderr; empty unless stdio::pipe() or stdio::socket() was
  /// asked for.
  unique_fd& stderr_pipe() noexcept { return pipes_[2]; }

  /// Our end of the pseudo-terminal; empty unless stdio::pty() was asked for.
  /// Reading it fails with `EIO` when everyone has left the terminal: that is its
  /// end-of-file. Linux may say so while the last that was written is on its way: when
  /// the next read says it too, it is so. Closing our end hangs up.
  unique_fd& pty() noexcept { return pipes_[3]; }

  /// Changes the terminal's size; its foreground processes get SIGWINCH.
  /// \param ec  `EINVAL`: there is no terminal, or no more.
  /// \source    ioctl_tty(2), TIOCSWINSZ.
  void resize_pty(window_size size, std::error_code& ec) noexcept;
  void resize_pty(window_size size);

  /// Blocks until the child ends, and reaps it. Closes stdin_pipe() first, so
  /// that a child that reads to the end can come to its own.
  ///
  /// Later calls return the same status and make no system call.
  ///
  /// \param ec  Set to what went wrong, or cleared. `ECHILD`: other code in this
  ///            program reaped the child first, or SIGCHLD is ignored. `EINVAL`:
  ///            there is no child.
  /// \return    The status; unknown exactly when `ec` is set.
  /// \source    std::process::Child::wait; waitid(2).
  exit_status wait(std::error_code& ec) noexcept;
  exit_status wait();

  /// The status if the child has ended; empty while it runs, and on error. Never
  /// blocks. Touches no pipe.
  /// \param ec  As of wait().
  std::optional<exit_status> try_wait(std::error_code& ec) noexcept;
  std::optional<exit_status> try_wait();

  /// As wait(), for no longer than `limit`; empty when that has passed. Touches
  /// no pipe. Needs a descriptor unless the launcher has given one; it is closed when
  /// the child is reaped and nobody waits any more.
  /// \param limit  Any std::chrono duration; zero or less looks once.
  /// \param ec     As of wait().
  /// \source       pidfd_open(2), poll(2).
  template <class Rep, class Period>
  std::optional<exit_status> wait_for(std::chrono::duration<Rep, Period> limit, std::error_code& ec) noexcept
  {
    return wait_for(detail::time_from_now(limit), ec);
  }
  template <class Rep, class Period>
  std::optional<exit_status> wait_for(std::chrono::duration<Rep, Period> limit)
  {
    return wait_for(detail::time_from_now(limit));
  }
  std::optional<exit_status> wait_for(std::chrono::nanoseconds limit, std::error_code& ec) noexcept;
  std::optional<exit_status> wait_for(std::chrono::nanoseconds limit);

  /// Blocks until the child is stopped, goes on or ends; the end is reaped.
  /// Touches no pipe. What has happened before, and nobody was told yet, is told
  /// at once; of several stops and continues the kernel keeps the last.
  ///
  /// \param ec  As of wait().
  /// \source    waitid(2), WSTOPPED, WCONTINUED.
  child_change wait_change(std::error_code& ec) noexcept;
  child_change wait_change();

  /// As wait_change(), but never blocks: empty when there is nothing to tell.
  std::optional<child_change> try_wait_change(std::error_code& ec) noexcept;
  std::optional<child_change> try_wait_change();

  /// Sends SIGKILL, as send_signal() does.
  void kill(std::error_code& ec) noexcept { send_signal(9, ec); }
  void kill();

  /// Sends a signal to the child alone. It is refused once the child was
  /// reaped: its number may then be somebody else's.
  /// \param ec  `EINVAL`: reaped already, empty, or no such signal. `EPERM`: the
  ///            child runs as another user.
  /// \source    std::process::Child::kill; pidfd_send_signal(2), kill(2).
  void send_signal(int signal, std::error_code& ec) noexcept;
  void send_signal(int signal);

  /// Everything that is known of the child once it is reaped; empty before.
  /// Makes no system call.
  std::optional<exit_report> report() const noexcept;

  /// Sends a signal to the child's process group, if the library made that group:
  /// by command::process_group(0) or session_leader().
  ///
  /// Refused once the child was reaped, though others of the group may live on:
  /// its number may be another group's by then.
  /// \param ec  `EINVAL`: not such a group, reaped already, empty, or no such
  ///            signal. `EPERM`: everyone in the group runs as another user.
  /// \source    kill(2).
  void kill_group(int signal, std::error_code& ec) noexcept;
  void kill_group(int signal);

  /// Kills everything in the cgroup that the child was started in by
  /// command::cgroup(path): others that are there too, and what the child left
  /// behind. So it is not refused once the child was reaped.
  /// \param ec  As of subprocess::kill_tree(); `EINVAL`: no such cgroup was given,
  ///            or only its descriptor, or empty.
  void kill_tree(std::error_code& ec);
  void kill_tree();

  /// Ends the child: each signal of the sequence, its grace, in the end SIGKILL;
  /// and reaps it. A child that has ended gives its status. Touches no pipe.
  /// \param ec  As of wait() and send_signal(); `EINVAL`: the sequence is for a
  ///            group that the library did not make.
  exit_status stop(const stop_sequence& sequence, std::error_code& ec) noexcept;
  exit_status stop(const stop_sequence& sequence = stop_sequence::gentle());

private:
  void drop() noexcept;

  std::shared_ptr<detail::process> process_;
  unique_fd pipes_[4];
  launcher launcher_ = launcher::automatic;
  bool kill_on_destroy_ = false;
};

} // namespace subprocess
