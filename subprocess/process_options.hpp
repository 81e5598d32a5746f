#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <subprocess/new_namespace.hpp>

namespace subprocess {

/// Everything about a child's process that is not its program, its descriptors
/// or its user, as plain data; command says what each does.
struct process_options {
  struct resource_limit {
    int resource;
    rlim_t soft;
    rlim_t hard;
  };
  struct scheduling_policy {
    int policy;
    int priority;
  };
  struct namespace_ids {
    uid_t uid;
    gid_t gid;
  };

  std::variant<std::monostate, std::string, int> cgroup; // An int is a directory's descriptor.
  unsigned namespaces = 0;                               // The sum of the new_namespace.
  std::optional<namespace_ids> ids_inside;
  std::optional<int> oom_score_adj;
  std::optional<std::vector<int>> signal_mask; // Empty is the default too: nothing is blocked.
  bool reset_ignored_signals = false;
  std::optional<int> controlling_terminal;
  std::optional<int> foreground;
  std::vector<resource_limit> limits;
  std::optional<scheduling_policy> scheduling;
  std::optional<int> nice;
  std::optional<std::vector<int>> cpu_affinity;
  std::optional<mode_t> umask;
  std::optional<std::string> root;
  bool keep_groups = false;
  std::vector<int> ambient_capabilities;
  bool no_new_privs = false;
  std::optional<int> parent_death_signal;
  bool die_with_program = false;
};

} // namespace subprocess
