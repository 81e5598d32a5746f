#pragma once

#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

namespace subprocess {

/// What the library was doing when a spawn failed, or what it did with the running
/// program then; in the order it does them.
enum class spawn_step {
  prepare,              ///< Checking and copying the command, in the parent.
  pipe,                 ///< Making a pipe or a socket.
  pty,                  ///< Making a pseudo-terminal, or the child's controlling one.
  fork,                 ///< Making the process.
  stdio,                ///< Putting a standard stream in its place, in the child.
  map_fd,               ///< Putting a mapped descriptor in its place.
  cgroup,               ///< cgroup().
  oom_score_adj,        ///< oom_score_adj().
  namespaces,           ///< namespaces(), user_namespace().
  open_file,            ///< Opening a file of stdio::read_file() and its kin, or making given input.
  signals,              ///< Resetting handlers and the mask.
  setsid,               ///< session_leader().
  setpgid,              ///< process_group().
  controlling_terminal, ///< controlling_terminal().
  foreground,           ///< foreground().
  setrlimit,            ///< rlimit().
  scheduling,           ///< The policy and its priority.
  nice,                 ///< nice().
  affinity,             ///< cpu_affinity().
  chroot,               ///< chroot().
  setgroups,            ///< groups(), or dropping them with uid().
  setgid,               ///< gid().
  setuid,               ///< uid().
  capabilities,         ///< ambient_capabilities().
  no_new_privs,         ///< no_new_privs().
  parent_death_signal,  ///< parent_death_signal().
  die_with_program,     ///< die_with_program().
  chdir,                ///< current_dir().
  pre_exec,             ///< A hook of pre_exec().
  exec,                 ///< Replacing the child by the program.

  // Of a program that runs.
  output,     ///< Reading what it writes; `ENOBUFS`: more than capture_options::max_bytes.
  wait,       ///< Waiting for its end.
  time_limit, ///< `ETIMEDOUT`: the limit has passed.
};

/// "exec", "open_file": as the enumerator is written.
std::string_view to_string(spawn_step step) noexcept;

std::ostream& operator<<(std::ostream& out, spawn_step step);

/// Everything that is known of a spawn that failed, or of a program that was run in
/// vain. When a limit passes before there is a program, the step is what took so long,
/// and the hint tells the limit.
struct spawn_failure {
  std::error_code code;                  ///< Always of the system category.
  spawn_step step = spawn_step::prepare; ///< What failed.
  std::string program;                   ///< The program as the command names it.
  std::string detail;                    ///< Which one: a quoted path, `7→3`, `300 ms`; may be empty.
  std::string hint = std::string();      ///< What may be behind the code: `its interpreter?`; may be empty.

  /// Whether something failed.
  explicit operator bool() const noexcept { return static_cast<bool>(code); }

  /// `spawn "cat": chdir "/nope"`: all but the code's own message. It begins with `run`
  /// when the program was running.
  std::string context() const;

  /// `spawn "cat": chdir "/nope": No such file or directory`,
  /// `run "sleep": time limit of 300 ms has passed`: all of it.
  std::string message() const;
};

/// A spawn that failed, or a program that could not be run to its end. what() reads
/// `spawn "frobnicate": exec: No such file or directory`.
///
/// Thread safety: distinct objects are safe, copies of one too.
class spawn_error : public std::system_error {
public:
  /// Of everything that is known.
  explicit spawn_error(spawn_failure failure);

  /// Which step failed.
  spawn_step step() const noexcept { return told_->failure.step; }

  /// The program as the command names it.
  const std::string& program() const noexcept { return told_->failure.program; }

  /// Which descriptor, path or limit; may be empty.
  const std::string& detail() const noexcept { return told_->failure.detail; }

  /// Everything that is known.
  const spawn_failure& failure() const noexcept { return told_->failure; }

  /// The failure's message().
  const char* what() const noexcept override { return told_->message.c_str(); }

private:
  struct told {
    spawn_failure failure;
    std::string message;
  };

  std::shared_ptr<const told> told_; // An exception's copy must not throw.
};

} // namespace subprocess
