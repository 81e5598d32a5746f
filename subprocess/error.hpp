#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <system_error>

namespace subprocess {

/// What the library was doing when a spawn failed, in the order it does them.
enum class spawn_step {
  prepare, ///< Checking and copying the command, in the parent.
  pipe,    ///< Making a pipe or a socket.
  pty,     ///< Making a pseudo-terminal, or the child's controlling one.
  fork,    ///< Making the process.
  stdio,   ///< Putting a standard stream in its place, in the child.
  map_fd,  ///< Putting a mapped descriptor in its place.
  cgroup,  ///< cgroup().
  oom_score_adj,
  namespaces, ///< namespaces(), user_namespace().
  open_file,  ///< Opening a file of stdio::read_file() and its kin, or making given input.
  signals,    ///< Resetting handlers and the mask.
  setsid,     ///< session_leader().
  setpgid,    ///< process_group().
  controlling_terminal,
  foreground,
  setrlimit,  ///< rlimit().
  scheduling, ///< The policy and its priority.
  nice,
  affinity, ///< cpu_affinity().
  chroot,
  setgroups,    ///< groups(), or dropping them with uid().
  setgid,       ///< gid().
  setuid,       ///< uid().
  capabilities, ///< ambient_capabilities().
  no_new_privs,
  parent_death_signal,
  chdir,    ///< current_dir().
  pre_exec, ///< A hook of pre_exec().
  exec,     ///< Replacing the child by the program.
};

/// "exec", "open_file": as the enumerator is written.
std::string_view to_string(spawn_step step) noexcept;

std::ostream& operator<<(std::ostream& out, spawn_step step);

/// Everything that is known of a spawn that failed.
struct spawn_failure {
  std::error_code code;                  ///< Always of the system category.
  spawn_step step = spawn_step::prepare; ///< What failed.
  std::string program;                   ///< The program as the command names it.
  std::string detail;                    ///< Which one: a quoted path, `7→3`; may be empty.
  std::string hint = std::string();      ///< What may be behind the code: `its interpreter?`; may be empty.

  explicit operator bool() const noexcept { return static_cast<bool>(code); }

  /// `spawn "cat": chdir "/nope"`: all but the code's own message.
  std::string context() const;

  /// `spawn "cat": chdir "/nope": No such file or directory`: all of it.
  std::string message() const;
};

/// A spawn that failed. what() reads
/// `spawn "frobnicate": exec: No such file or directory`.
class spawn_error : public std::system_error {
public:
  explicit spawn_error(spawn_failure failure);

  /// Which step failed.
  spawn_step step() const noexcept { return failure_.step; }

  /// The program as the command names it.
  const std::string& program() const noexcept { return failure_.program; }

  /// Which descriptor, path or limit; may be empty.
  const std::string& detail() const noexcept { return failure_.detail; }

  const spawn_failure& failure() const noexcept { return failure_; }

  /// The failure's message().
  const char* what() const noexcept override { return message_.c_str(); }

private:
  spawn_failure failure_;
  std::string message_;
};

} // namespace subprocess
