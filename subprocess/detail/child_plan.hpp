#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <system_error>

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
/// that the parent prepared. The child writes to two places, its own: the
/// sources it lifts and the slot for the script.
struct child_plan {
  char* const* argv = nullptr;
  char* const* envp = nullptr;
  const char* const* candidates = nullptr; // Ends with null.
  const char** shell_argv = nullptr;       // "/bin/sh", the slot, the arguments.

  fd_move* moves = nullptr;
  std::size_t move_count = 0;
  int above_targets = 3;      // No move's target is as high.
  bool shut[3] = {};          // Streams that the parent itself has closed.
  const fd_range* unneeded = nullptr;
  std::size_t unneeded_count = 0;

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

  const std::function<std::error_code()>* hooks = nullptr;
  std::size_t hook_count = 0;
};

/// Where a child failed. `item` tells which move or hook it was.
struct child_failure {
  spawn_step step;
  int item;
  int error; // An errno.
};

} // namespace subprocess::detail
