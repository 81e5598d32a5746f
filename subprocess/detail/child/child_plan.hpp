#pragma once

#include <sys/types.h>

#include <cstddef>
#include <system_error>

#include <subprocess/callback.hpp>
#include <subprocess/detail/child/child_options.hpp>
#include <subprocess/error.hpp>

namespace subprocess::detail {

class signal_guard;

/// A descriptor of the parent's that the child gets under another number, or
/// under the same one.
struct fd_move {
  int source;
  int target;
  spawn_step step;
  int item;              // For the message: which stream, or which mapping.
  bool blocking = false; // Ours alone: whoever reads it expects it to block.
  bool lifted = false;   // The source is a copy that the child has made.
  bool done = false;
};

/// A stream whose source the child makes itself: opening a file can take for
/// ever, and then it is this child alone that waits and can be killed.
struct made_stream {
  enum class kind { null_device, file, text };

  kind what;
  const char* path; // Of a file.
  int flags;
  const char* text;
  std::size_t size;
  unsigned targets; // A bit for each stream that it is.
  int item;         // For the message: the first of them.
};

/// Which file a descriptor is of, whatever its number. fstat(2).
struct file_identity {
  dev_t device = 0;
  ino_t inode = 0;

  friend bool operator==(const file_identity&, const file_identity&) = default;
};

struct fd_range {
  unsigned first;
  unsigned last;
};

/// Everything a child does on its way to the program, as pointers and numbers
/// that the parent prepared. The child writes to its own copy, or to one that
/// nobody else reads: the sources that it lifts, the slot for the script and the
/// one for its pid.
struct child_plan {
  char* const* argv = nullptr;
  char* const* envp = nullptr;
  const char* const* candidates = nullptr; // Ends with null.
  const char** shell_argv = nullptr;       // "/bin/sh", the slot, the arguments; null: no scripts.
  int program_fd = -1;                     // In place of the candidates.
  unsigned text_busy_retries = 0;          // One a millisecond.
  char* listen_pid = nullptr;              // Where the child writes its pid.

  fd_move* moves = nullptr;
  std::size_t move_count = 0;
  const made_stream* made = nullptr;
  std::size_t made_count = 0;
  bool opens_files = false;           // Some of these.
  bool stderr_as_stdout = false;      // The stdout that is inherited, closed or not.
  const fd_range* unneeded = nullptr; // All but the standard streams and the targets.
  std::size_t unneeded_count = 0;
  // No child, but exec(): what is open is the caller's, and so are signals while a file is
  // opened.
  bool in_place = false;
  const signal_guard* guard = nullptr;
  int outcome = -1;                // The write end of the pipe whose end wakes the parent, if there is one.
  file_identity outcome_pipe;      // What it is of, for hooks may put something else there.
  unsigned above_sources = 0;      // With a shared table: from here on nothing is needed.
  bool shares_table = false;       // With the parent, until the child ends that,
  bool tells_of_own_table = false; // for which the parent waits.

  bool handlers_are_default = false; // The kernel has reset them (CLONE_CLEAR_SIGHAND).

  bool new_session = false;
  int terminal = -1; // The stream that becomes the session's controlling terminal.
  const pid_t* group = nullptr;
  const gid_t* groups = nullptr;
  std::size_t group_count = 0;
  bool set_groups = false;
  bool groups_may_stay = false; // Dropped by uid() alone: EPERM is no error.
  const gid_t* gid = nullptr;
  const uid_t* uid = nullptr;
  const char* directory = nullptr;

  child_options options;

  const callback<std::error_code()>* hooks = nullptr;
  std::size_t hook_count = 0;
};

/// Where a child failed. `item` tells which move or hook it was.
struct child_failure {
  spawn_step step;
  int item;
  int error; // An errno.
};

constexpr child_failure no_failure{spawn_step::prepare, 0, 0};

/// \param result  Of a system call: minus an errno.
inline child_failure failed(spawn_step step, long result, int item = 0) noexcept
{
  return {step, item, static_cast<int>(-result)};
}

/// The item of a failure of spawn_step::exec: the file is there, but what its
/// first line or its ELF header names is not.
constexpr int missing_interpreter = 1;

} // namespace subprocess::detail
