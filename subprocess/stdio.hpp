#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include <subprocess/path_argument.hpp>
#include <subprocess/unique_fd.hpp>
#include <subprocess/window_size.hpp>

namespace subprocess {

class stdio;

namespace detail {

/// The same, but a terminal at which nobody types.
stdio without_input(const stdio& choice);

/// A descriptor that is owned along with something else.
stdio from_shared_fd(std::shared_ptr<unique_fd> owner);

} // namespace detail

/// Where one standard stream of the child goes.
///
/// A value: copy it, use it for several streams and several commands.
///
/// Thread safety: distinct objects are safe, also when they are copies that
/// share an owned descriptor.
/// \source std::process::Stdio.
class stdio {
public:
  /// The parent's own stream. Closed there, or close-on-exec, it is closed in the child
  /// too: a close-on-exec descriptor is no standard stream, but something that got the
  /// number of one.
  static stdio inherit();

  /// /dev/null: end-of-file to read, a sink to write.
  static stdio null();

  /// A new pipe; the parent's end is the child's stdin_pipe() and so on.
  /// \param capacity  How many bytes it holds at least; 0 leaves it to the kernel
  ///                  (64 KiB). Refused, the spawn fails at spawn_step::pipe:
  ///                  `EPERM` above /proc/sys/fs/pipe-max-size, `ENOSYS` where
  ///                  the system has no such thing.
  /// \source          pipe(7), fcntl(2) F_SETPIPE_SZ.
  static stdio pipe(std::size_t capacity = 0);

  /// A new stream socket, both ways on one descriptor; the parent's end is the
  /// child's stdin_pipe() and so on. Each stream gets a pair of its own.
  ///
  /// As with a pipe, a plain write() when the child is gone raises SIGPIPE in the
  /// parent; send() with MSG_NOSIGNAL does not, nor does async_child::stdin_pipe().
  /// \source unix(7), socketpair(2).
  static stdio socket();

  /// A new pseudo-terminal, one for all streams that say so (the first one's
  /// size counts); the parent's end is the child's pty().
  ///
  /// The child leads a new session, whose controlling terminal this is. What it
  /// writes comes with "\r\n" for "\n", and what it is sent is echoed, as on any
  /// terminal. The parent reads `EIO` for end-of-file once every holder has
  /// closed the child's end; closing the parent's end hangs up (SIGHUP).
  /// \source pty(7), posix_openpt(3), ioctl_tty(2) TIOCSCTTY.
  static stdio pty(window_size size = {});

  /// For stdin alone: these bytes and then end-of-file. They are in a file
  /// without a name when the child starts, so nobody has to feed it and nobody
  /// can block. `EFBIG` (spawn_step::open_file) above RLIMIT_FSIZE, unless the program may
  /// raise that limit.
  /// \source memfd_create(2), sealed; where that is refused, a temporary file without a
  ///         name.
  static stdio from_string(std::string data);

  /// A descriptor that stays the caller's, who keeps it open until the spawn
  /// has returned. -1 and other closed ones fail with `EBADF` at the spawn.
  static stdio from_fd(int borrowed);

  /// A descriptor that the stdio and its copies own. It is closed with the last
  /// of them: a pipe's reader sees end-of-file only when the command is gone too. The
  /// child gets it blocking, whatever it was.
  static stdio from_fd(unique_fd owned);

  /// Files are opened at each spawn, as the parent would: with its rights, relative to
  /// its directory, with mode 0666 less its umask. It is the child that does so, before
  /// its user, root or directory change: a FIFO that nobody opens holds no event loop, and
  /// ends with a time limit or a cancellation. In a new user namespace it has only the
  /// rights that are left there. An error names the path (spawn_step::open_file).
  static stdio read_file(path_argument path);

  /// As read_file(); created when it is not there, emptied when it is. Two streams that
  /// say so open it twice and overwrite each other: to_stdout() is meant.
  static stdio write_file(path_argument path);

  /// As read_file(); created when it is not there; every write goes to the end.
  static stdio append_file(path_argument path);

  /// For stderr alone: the same place as stdout, a shell's `2>&1`.
  static stdio to_stdout();

  // No moves: what was copied from is still something.
  stdio(const stdio&) noexcept = default;
  stdio& operator=(const stdio&) noexcept = default;

  // All these are in <subprocess/stdio_target.hpp>.
  struct as_parent;
  struct null_device;
  struct new_pipe;
  struct new_socket;
  struct terminal_shape;
  struct pseudo_terminal;
  struct text;
  struct as_stdout;
  struct file;
  struct descriptor;
  struct target;

  /// What was chosen, for code that acts on it.
  const target& get() const noexcept { return *target_; }

private:
  friend stdio detail::without_input(const stdio& choice);
  friend stdio detail::from_shared_fd(std::shared_ptr<unique_fd> owner);

  explicit stdio(std::shared_ptr<const target> chosen) noexcept : target_(std::move(chosen)) {}

  std::shared_ptr<const target> target_; // Shared by copies, which cost nothing.
};

} // namespace subprocess
