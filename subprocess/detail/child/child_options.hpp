#pragma once

#include <sys/types.h>

#include <cstddef>

#include <subprocess/process_options.hpp>

namespace subprocess::detail {

struct child_failure;

/// The process_options of a command as a child reads them: pointers and numbers
/// that the parent prepared. Null, -1 and 0 mean: not asked for.
struct child_options {
  int cgroup = -1;
  bool born_in_cgroup = false; // The launcher has seen to it.

  unsigned namespaces = 0;
  bool born_in_namespaces = false;
  const char* uid_map = nullptr;
  const char* gid_map = nullptr;

  const char* oom_score_adj = nullptr;

  const int* blocked_signals = nullptr;
  std::size_t blocked_count = 0;
  bool reset_ignored_signals = false;

  const int* controlling_terminal = nullptr;
  const int* foreground = nullptr;
  pid_t foreground_before = 0; // The terminal's group before the child took it; 0: it has not.

  const process_options::resource_limit* limits = nullptr;
  std::size_t limit_count = 0;
  const process_options::scheduling_policy* scheduling = nullptr;
  const int* nice = nullptr;
  const unsigned long* cpus = nullptr; // A bit for each.
  std::size_t cpus_size = 0;           // In bytes.
  const mode_t* umask = nullptr;

  const char* root = nullptr;
  const int* capabilities = nullptr;
  std::size_t capability_count = 0;
  bool no_new_privs = false;
  const int* parent_death_signal = nullptr;
  bool dies_with_program = false; // By that signal: the parent is the keeper.
  bool is_awaited = false;        // By the thread that made it, and of no use to anybody else yet.
  pid_t parent = 0;               // As the child sees it.
};

// What the child does with them, in this order; the other steps lie between. The
// calls are those of child_main.cpp: nothing but system calls.

/// Opens the signal mask, as far as the program is to have it open.
void open_mask(const child_options& options) noexcept;

child_failure enter_surroundings(const child_options& options) noexcept;

/// Opening a file can take for ever: until then the child ends when its parent does, if
/// it is to do so as a program, or if the parent waits for it.
void stay_with_parent(const child_options& options) noexcept;

child_failure take_terminal(child_options& options) noexcept;

/// Of a child that could not become its program.
void give_terminal_back(const child_options& options) noexcept;

child_failure limit_resources(const child_options& options) noexcept;
child_failure change_root(const child_options& options) noexcept;
/// \param uid  Of the user that comes next, or null.
child_failure keep_capabilities(const child_options& options, const uid_t* uid) noexcept;
child_failure raise_capabilities(const child_options& options, const uid_t* uid) noexcept;
child_failure bind_process(const child_options& options) noexcept;

/// Which part of `spawn_step::namespaces` failed.
enum namespace_part { making_them, setgroups_file, uid_map_file, gid_map_file, mount_propagation };

} // namespace subprocess::detail
