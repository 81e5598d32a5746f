#pragma once

#include <sys/resource.h>

#include <asio/any_io_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <concepts>
#include <csignal>
#include <iterator>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include <asio_integration/detail/streams/child_pipes.hpp>
#include <asio_integration/detail/operations/initiate.hpp>
#include <asio_integration/detail/operations/made_operations.hpp>
#include <asio_integration/detail/operations/make_operation.hpp>
#include <asio_integration/detail/reaper/tracked_child.hpp>
#include <asio_integration/detail/operations/wait_closed_operation.hpp>
#include <asio_integration/input_stream.hpp>
#include <asio_integration/terminal_stream.hpp>
#include <subprocess/child_change.hpp>
#include <subprocess/command.hpp>
#include <subprocess/detail/or_throw.hpp>
#include <subprocess/detail/streams/pty.hpp>
#include <subprocess/exit_report.hpp>
#include <subprocess/exit_status.hpp>

namespace subprocess {

/// A started child process on an event loop, and our ends of the pipes tied to
/// it.
///
/// Move-only. Default-constructed, moved from or left by a spawn that failed it
/// is empty: id() is -1, the pipes are closed, everything else fails with
/// `EINVAL`. A default-constructed one has no loop: its operations complete in the
/// system's context, and reads and writes of its pipes never do.
///
/// Destroyed while the child runs, it kills it, unless detach() was called or
/// command::kill_on_destroy(false) was set; after command::stop_on_destroy() it stops it
/// by its stop sequence instead, and run() stays for that. Either way the child is reaped in
/// the background, while its context runs, and the destructor does not block.
/// Only waiters (and for the moment of its death a killed child) keep run()
/// busy; a running child does not.
///
/// Thread safety: distinct objects are safe. kill(), send_signal(), kill_group(),
/// kill_tree(), status(), usage(), report(), id(), async_wait() and
/// async_wait_change() of one object are safe from any thread; everything else is
/// not.
/// \source std::process::Child, on the event loop.
template <class Executor = asio::any_io_executor>
class basic_async_child {
public:
  using executor_type = Executor;
  using pipe_type = asio::posix::basic_stream_descriptor<Executor>;

  /// The same with another executor; for `use_awaitable_t<>::as_default_on_t`.
  template <class Other>
  struct rebind_executor {
    using other = basic_async_child<Other>;
  };

  basic_async_child() noexcept = default;

  /// Takes over a child that another executor's spawn() has started.
  template <class Other>
    requires(!std::same_as<Other, Executor> && std::constructible_from<Executor, const Other&>)
  basic_async_child(basic_async_child<Other>&& other)
      : child_(std::exchange(other.child_, {})), pipes_(std::move(other.pipes_)), launcher_(other.launcher_),
        kill_on_destroy_(other.kill_on_destroy_), stop_on_destroy_(std::move(other.stop_on_destroy_))
  {
  }

  basic_async_child(detail::tracked_child tracked, detail::child_pipes<Executor> pipes, launcher used,
                    bool kill_on_destroy) noexcept
      : child_(std::move(tracked)), pipes_(std::move(pipes)), launcher_(used), kill_on_destroy_(kill_on_destroy)
  {
  }

  basic_async_child(basic_async_child&& other) noexcept
      : child_(std::exchange(other.child_, {})), pipes_(std::move(other.pipes_)), launcher_(other.launcher_),
        kill_on_destroy_(other.kill_on_destroy_), stop_on_destroy_(std::move(other.stop_on_destroy_))
  {
  }

  basic_async_child& operator=(basic_async_child&& other) noexcept
  {
    if (this == &other)
      return *this;
    drop();
    child_ = std::exchange(other.child_, {});
    pipes_ = std::move(other.pipes_);
    launcher_ = other.launcher_;
    kill_on_destroy_ = other.kill_on_destroy_;
    stop_on_destroy_ = std::move(other.stop_on_destroy_);
    return *this;
  }

  ~basic_async_child() { drop(); }

  /// The executor that the child was spawned with.
  executor_type get_executor() const { return pipes_.get_executor(); }

  /// The process id; it stays known after the child was reaped. -1 when empty.
  pid_t id() const noexcept { return child_ ? child_->id() : -1; }

  /// How the child was made.
  launcher launcher_used() const noexcept { return launcher_; }

  /// Our end of the child's stdin; closed unless stdio::pipe() or stdio::socket() was
  /// asked for. Close it to give the child its end-of-file; writing to it raises no
  /// SIGPIPE.
  input_stream<Executor>& stdin_pipe() { return pipes_.ends()->in(); }

  /// Our end of the child's stdout; closed unless stdio::pipe() or stdio::socket() was
  /// asked for.
  pipe_type& stdout_pipe() { return pipes_.ends()->out(); }

  /// Our end of the child's stderr; closed unless stdio::pipe() or stdio::socket() was
  /// asked for.
  pipe_type& stderr_pipe() { return pipes_.ends()->err(); }

  /// Our end of the pseudo-terminal; closed unless stdio::pty() was asked for.
  /// Its end-of-file is asio::error::eof, as a pipe's is. Closing it hangs up.
  terminal_stream<Executor>& pty() { return pipes_.ends()->terminal(); }

  /// Changes the terminal's size; its foreground processes get SIGWINCH.
  /// \param ec  `EINVAL`: there is no terminal, or no more.
  /// \source    ioctl_tty(2), TIOCSWINSZ.
  void resize_pty(window_size size, std::error_code& ec)
  {
    const int error = pty().is_open() ? detail::set_window_size(pty().native_handle(), size) : EINVAL;
    ec.assign(error, std::system_category());
  }
  void resize_pty(window_size size)
  {
    detail::or_throw("resize_pty", [&](std::error_code& ec) { resize_pty(size, ec); });
  }

  /// How the child ended, once it is reaped; empty before. Makes no system call.
  std::optional<exit_status> status() const
  {
    if (!child_ || child_->current() != detail::process::state::ended)
      return std::nullopt;
    return child_->status();
  }

  /// What the child used, once it is reaped: CPU time, memory, faults.
  /// \source wait4(2), getrusage(2).
  std::optional<rusage> usage() const { return child_ ? child_->usage() : std::nullopt; }

  /// Everything that is known of the child once it is reaped; empty before.
  /// Makes no system call.
  std::optional<exit_report> report() const { return child_ ? child_->report() : std::nullopt; }

  /// Waits for the child to end. Any number of waits may be pending. Touches no
  /// pipe: a child that blocks on one does not end.
  ///
  /// Completion signature: `void(std::error_code, exit_status)`. With an error
  /// set, the status is unknown.
  ///
  /// Errors: `operation_aborted` after cancellation; `ECHILD` when other code in
  /// this program reaped the child; `EINVAL` when there is no child.
  ///
  /// Cancellation: terminal, partial and total, at any time. The child is not
  /// signalled; it runs on and can be waited for again.
  ///
  /// The handler is never invoked from within this call.
  template <asio::completion_token_for<void(std::error_code, exit_status)> Token =
                asio::default_completion_token_t<executor_type>>
  auto async_wait(Token&& token = asio::default_completion_token_t<executor_type>())
  {
    const auto start = [](auto handler, const executor_type& executor, const detail::tracked_child& child) {
      child.async_wait(executor, std::move(handler));
    };
    return asio::async_initiate<Token, void(std::error_code, exit_status)>(detail::initiation_by(get_executor(), start),
                                                                           token, child_);
  }

  /// Waits until the child is stopped, goes on or ends. Everyone who waits then is
  /// told.
  ///
  /// What happens while nobody waits is told to the next who does, at once; of
  /// several stops and continues the kernel keeps the last. While there are such
  /// waits, the program's handler of SIGCHLD is replaced as by
  /// reaper_source::sigchld, whatever wakes the reaper; a change whose signal is
  /// lost is found within about a second.
  ///
  /// Completion signature: `void(std::error_code, child_change)`.
  ///
  /// Errors: as of async_wait(); `EMFILE` when Asio cannot listen to signals.
  ///
  /// Cancellation: terminal, partial and total, at any time. The child is not
  /// signalled.
  ///
  /// \source waitid(2), WSTOPPED, WCONTINUED.
  template <asio::completion_token_for<void(std::error_code, child_change)> Token =
                asio::default_completion_token_t<executor_type>>
  auto async_wait_change(Token&& token = asio::default_completion_token_t<executor_type>())
  {
    return detail::initiate<detail::make_change, std::error_code, child_change>(asio::any_io_executor(get_executor()),
                                                                                token, child_);
  }

  /// Waits until the child has ended and nobody holds the other ends of
  /// stdout_pipe(), stderr_pipe() and pty() any more: nothing more can come.
  /// What came is left to be read, and can be read meanwhile; a child that
  /// blocks on a full pipe does not end. A stream that is not open, or is closed
  /// by us while this waits, counts as ended.
  ///
  /// Completion signature, errors and cancellation: as of async_wait().
  ///
  /// The handler is never invoked from within this call.
  /// \source poll(2), POLLHUP.
  template <asio::completion_token_for<void(std::error_code, exit_status)> Token =
                asio::default_completion_token_t<executor_type>>
  auto async_wait_closed(Token&& token = asio::default_completion_token_t<executor_type>())
  {
    return wait_closed(std::nullopt, token);
  }

  /// As above, but for others who hold the streams no longer than `drain_grace`
  /// after the child's end. That it has passed is no error; is_output_held()
  /// tells.
  template <asio::completion_token_for<void(std::error_code, exit_status)> Token =
                asio::default_completion_token_t<executor_type>>
  auto async_wait_closed(std::chrono::nanoseconds drain_grace,
                         Token&& token = asio::default_completion_token_t<executor_type>())
  {
    return wait_closed(drain_grace, token);
  }

  /// Whether somebody holds the other end of stdout_pipe(), stderr_pipe() or
  /// pty(), so that more may come: the child, or whoever it left its streams to.
  /// \source poll(2), POLLHUP.
  bool is_output_held()
  {
    for (pipe_type* const end : pipes_.ends()->all_outputs())
      if (end && !detail::is_hung_up(end->native_handle()))
        return true;
    return false;
  }

  /// A descriptor of the child for other uses: pidfd_getfd(2), waiting elsewhere. It is the
  /// caller's, and close-on-exec.
  /// \param ec  As of child::pidfd(); `EINVAL`: empty.
  unique_fd pidfd(std::error_code& ec) const noexcept
  {
    ec.assign(EINVAL, std::system_category());
    return child_ ? child_->duplicate_pidfd(ec) : unique_fd();
  }
  unique_fd pidfd() const
  {
    return detail::or_throw("pidfd", [&](std::error_code& ec) { return pidfd(ec); });
  }

  /// Sends SIGKILL, as send_signal() does.
  void kill(std::error_code& ec) noexcept { send_signal(SIGKILL, ec); }
  void kill() { send_signal(SIGKILL); }

  /// Sends a signal to the child alone. It is refused once the child was
  /// reaped: its number may then be somebody else's.
  /// \param ec  `EINVAL`: reaped already, empty, or no such signal. `EPERM`: the
  ///            child runs as another user.
  /// \source    pidfd_send_signal(2), kill(2).
  void send_signal(int signal, std::error_code& ec) noexcept
  {
    ec = child_ ? child_->signal(signal) : std::error_code(EINVAL, std::system_category());
  }
  void send_signal(int signal)
  {
    detail::or_throw("send_signal", [&](std::error_code& ec) { send_signal(signal, ec); });
  }

  /// Stops the child: SIGTERM, up to `grace` of waiting, then SIGKILL. A child
  /// that has ended gives its status.
  ///
  /// \param grace  How long the child may take to end by itself.
  ///
  /// Completion signature: `void(std::error_code, exit_status)`.
  ///
  /// Errors: as of async_wait(); `EPERM` when the child cannot be signalled.
  ///
  /// Cancellation: terminal, partial and total. Waiting and escalating end; what
  /// was sent is sent.
  template <asio::completion_token_for<void(std::error_code, exit_status)> Token =
                asio::default_completion_token_t<executor_type>>
  auto async_stop(std::chrono::nanoseconds grace, Token&& token = asio::default_completion_token_t<executor_type>())
  {
    return detail::initiate<detail::make_stop, std::error_code, exit_status>(
        asio::any_io_executor(get_executor()), token, child_, stop_sequence::gentle(grace));
  }

  /// As above, by another sequence of signals; the child alone or its group.
  ///
  /// Errors: also `EINVAL` when the sequence is for a group that the library did
  /// not make. Cancelled, it no longer kills what is left of the group when the
  /// leader ends.
  template <asio::completion_token_for<void(std::error_code, exit_status)> Token =
                asio::default_completion_token_t<executor_type>>
  auto async_stop(stop_sequence sequence, Token&& token = asio::default_completion_token_t<executor_type>())
  {
    return detail::initiate<detail::make_stop, std::error_code, exit_status>(asio::any_io_executor(get_executor()),
                                                                             token, child_, std::move(sequence));
  }

  /// Sends a signal to the child's process group, if the library made that group:
  /// by command::process_group(0) or session_leader(). Refused once the child was
  /// reaped, though others of the group may live on: its number may be another
  /// group's by then.
  /// \param ec  `EINVAL`: not such a group, reaped already, empty, or no such
  ///            signal. `EPERM`: everyone in the group runs as another user.
  /// \source    kill(2).
  void kill_group(int signal, std::error_code& ec) noexcept
  {
    ec = child_ ? child_->signal_group(signal) : std::error_code(EINVAL, std::system_category());
  }
  void kill_group(int signal)
  {
    detail::or_throw("kill_group", [&](std::error_code& ec) { kill_group(signal, ec); });
  }

  /// Kills everything in the cgroup that the child was started in by
  /// command::cgroup(path): others that are there too, and what the child left
  /// behind. So it is not refused once the child was reaped.
  /// \param ec  As of subprocess::kill_tree(); `EINVAL`: no such cgroup was given,
  ///            or only its descriptor, or empty.
  void kill_tree(std::error_code& ec)
  {
    ec = child_ ? child_->kill_tree() : std::error_code(EINVAL, std::system_category());
  }
  void kill_tree()
  {
    detail::or_throw("kill_tree", [&](std::error_code& ec) { kill_tree(ec); });
  }

  /// Lets the child run on when this object is destroyed; it is still reaped in
  /// the background. Pipes are closed with the object all the same.
  void detach() noexcept { kill_on_destroy_ = false; }

  /// \cond
  /// What operations on a child hold of it. Not for callers.
  const detail::tracked_child& tracked() const noexcept { return child_; }
  const std::shared_ptr<detail::stream_ends<Executor>>& ends() { return pipes_.ends(); }
  void stop_when_dropped(const stop_sequence& sequence)
  {
    stop_on_destroy_ = std::make_unique<const stop_sequence>(sequence);
  }
  void take_pipes(unique_fd (&fds)[4], std::error_code& ec)
  {
    ec.clear();
    if (std::any_of(std::begin(fds), std::end(fds), [](const unique_fd& fd) { return static_cast<bool>(fd); }))
      pipes_.ends()->assign(fds, ec);
  }
  /// \endcond

private:
  template <class Other>
  friend class basic_async_child;

  template <class Token>
  auto wait_closed(std::optional<std::chrono::nanoseconds> drain_grace, Token& token)
  {
    return detail::initiate<detail::make_operation<detail::wait_closed_operation<Executor>>, std::error_code,
                            exit_status>(asio::any_io_executor(get_executor()), token, child_, pipes_.ends(),
                                         drain_grace);
  }

  void drop() noexcept
  {
    if (!child_ || !kill_on_destroy_)
      return;
    if (stop_on_destroy_)
      child_.stop_and_reap(*stop_on_destroy_);
    else
      child_.kill_and_reap();
  }

  detail::tracked_child child_;
  detail::child_pipes<Executor> pipes_;
  launcher launcher_ = launcher::automatic;
  bool kill_on_destroy_ = true;
  std::unique_ptr<const stop_sequence> stop_on_destroy_;
};

/// A child on any executor.
using async_child = basic_async_child<>;

} // namespace subprocess
