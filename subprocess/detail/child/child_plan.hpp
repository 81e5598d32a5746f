#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <system_error>

#include <subprocess/detail/child/child_options.hpp>
#include <subprocess/error.hpp>

namespace subprocess::detail {

struct fd_move {
  int source;
  int target; // Equal to the source: stays, and loses close-on-exec.
  bool lift;  // Another move overwrites the source first.
  spawn_step step;
  int item; // For the message: which stream, or which mapping.
};

struct fd_range {
  unsigned first;
  unsigned last;
};

/// Everything a child does on its way to the program, as pointers and numbers
/// that the parent prepared. The child writes to three places, its own: the
/// sources it lifts, the slot for the script and the one for its pid.
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
  int above_targets = 3; // No move's target is as high.
  bool shut[3] = {};     // Streams that the parent itself has closed.
  const fd_range* unneeded = nullptr;
  std::size_t unneeded_count = 0;
  bool in_place = false; // No child, but exec(): what is open is the caller's.
  int outcome = -1;      // The write end of the pipe that tells it, if there is one.
  bool keep_all = false; // No descriptor is unneeded.

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

  const std::function<std::error_code()>* hooks = nullptr;
  std::size_t hook_count = 0;
};

/// Where a child failed. `item` tells which move or hook it was.
struct child_failure {
  spawn_step step;
  int item;
  int error; // An errno.
};

constexpr child_failure no_failure{spawn_step::prepare, 0, 0};

} // namespace subprocess::detail
