#pragma once

#include <fcntl.h>

#include <filesystem>
#include <memory>
#include <utility>
#include <variant>

#include <subprocess/unique_fd.hpp>

namespace subprocess {

/// Where one standard stream of the child goes.
///
/// A value: copy it, use it for several streams and several commands.
///
/// Thread safety: distinct objects are safe, also when they are copies that
/// share an owned descriptor.
/// \source std::process::Stdio.
class stdio {
public:
  /// The parent's own stream. Closed there, it is closed in the child too.
  static stdio inherit() { return stdio(as_parent{}); }

  /// /dev/null: end-of-file to read, a sink to write.
  static stdio null() { return stdio(file{"/dev/null", O_RDWR}); }

  /// A new pipe; the parent's end is the child's stdin_pipe() and so on.
  static stdio pipe() { return stdio(new_pipe{}); }

  /// A descriptor that stays the caller's, who keeps it open until the spawn
  /// has returned. -1 and other closed ones fail with `EBADF` at the spawn.
  static stdio from_fd(int borrowed) { return stdio(descriptor{borrowed, nullptr}); }

  /// A descriptor that the stdio and its copies own. It is closed with the last
  /// of them: a pipe's reader sees end-of-file only when the command is gone too.
  static stdio from_fd(unique_fd owned)
  {
    auto shared = std::make_shared<unique_fd>(std::move(owned));
    const int fd = shared->get();
    return stdio(descriptor{fd, std::move(shared)});
  }

  /// Files are opened by the parent, at each spawn, relative to the parent's
  /// directory, with mode 0666 less the umask. An error names the path
  /// (spawn_step::open_file).
  static stdio read_file(std::filesystem::path path) { return stdio(file{std::move(path), O_RDONLY}); }

  /// As read_file(); created when it is not there, emptied when it is.
  static stdio write_file(std::filesystem::path path)
  {
    return stdio(file{std::move(path), O_WRONLY | O_CREAT | O_TRUNC});
  }

  /// As read_file(); created when it is not there; every write goes to the end.
  static stdio append_file(std::filesystem::path path)
  {
    return stdio(file{std::move(path), O_WRONLY | O_CREAT | O_APPEND});
  }

  /// For stderr alone: the same place as stdout, a shell's `2>&1`.
  static stdio to_stdout() { return stdio(as_stdout{}); }

  struct as_parent {};
  struct new_pipe {};
  struct as_stdout {};
  struct file {
    std::filesystem::path path;
    int flags;
  };
  struct descriptor {
    int fd;
    std::shared_ptr<unique_fd> owner; // Null when borrowed.
  };
  using target = std::variant<as_parent, new_pipe, as_stdout, file, descriptor>;

  /// What was chosen, for code that acts on it.
  const target& get() const noexcept { return target_; }

private:
  explicit stdio(target t) : target_(std::move(t)) {}

  target target_;
};

} // namespace subprocess
