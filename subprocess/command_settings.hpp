#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <subprocess/callback.hpp>
#include <subprocess/command.hpp>
#include <subprocess/detail/durations.hpp>
#include <subprocess/environment.hpp>
#include <subprocess/process_options.hpp>
#include <subprocess/stdio.hpp>
#include <subprocess/stop_sequence.hpp>

namespace subprocess {

/// Everything that was asked for, as plain data.
struct command::settings {
  struct fd_mapping {
    int parent_fd;
    int child_fd;
  };

  std::string program;
  std::vector<std::string> args;
  std::optional<std::string> arg0;
  environment_changes environment;
  std::optional<std::string> current_dir;
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  std::optional<std::string> user;          // In place of the uid,
  std::optional<std::string> group;         // and of the gid.
  std::optional<std::vector<gid_t>> groups; // Empty is not unset: it drops them all.
  bool session_leader = false;
  std::optional<pid_t> process_group;
  std::vector<callback<std::error_code()>> hooks;
  std::optional<stdio> streams[3];
  std::vector<fd_mapping> mappings;
  std::optional<bool> kill_on_destroy;
  bool stop_on_destroy = false;
  stop_sequence stop = stop_sequence::gentle();
  launcher which = launcher::automatic;
  process_options process;
  std::optional<int> program_fd;
  path_from searched = path_from::child;
  bool shell_fallback = true;
  std::chrono::milliseconds text_busy_limit{0};
  bool keep_all_fds = false;
  std::size_t listen_count = 0; // Of the mappings, those from 3 on.
  std::vector<std::string> listen_names;

  /// Whether the child leads a session that the spawn makes.
  bool makes_session() const noexcept;

  /// Whether the child leads a process group that the spawn makes.
  bool makes_group() const noexcept { return makes_session() || process_group == 0; }
};

} // namespace subprocess
