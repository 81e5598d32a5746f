#include <subprocess/detail/launch/plan_options.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>

#include <subprocess/detail/launch/limit_name.hpp>
#include <subprocess/detail/streams/pipe.hpp>

namespace subprocess::detail {
namespace {

constexpr int signal_limit = 64;     // Also what a kernel's signal set holds.
constexpr int cpu_limit = 8192;      // More than any kernel is built for.
constexpr int capability_limit = 64; // What the kernel's sets hold.

constexpr int kill_signal = SIGKILL;

template <class T>
const T* address_of(const std::optional<T>& value)
{
  return value ? &*value : nullptr;
}

bool names_nul(const std::string& path)
{
  return path.find('\0') != std::string::npos;
}

bool all_between(const std::vector<int>& numbers, int least, int limit)
{
  return std::ranges::all_of(numbers, [&](int number) { return number >= least && number < limit; });
}

std::string quoted_path(const std::string& path)
{
  return '"' + path + '"';
}

std::string joined(const std::vector<int>& numbers)
{
  std::string text;
  for (const int number : numbers)
    text.append(text.empty() ? "" : ",").append(std::to_string(number));
  return text;
}

std::string describe_namespaces(const process_options& asked, int part)
{
  switch (part) {
  case setgroups_file: return "setgroups deny";
  case uid_map_file: return "uid_map " + std::to_string(asked.ids_inside ? asked.ids_inside->uid : 0);
  case gid_map_file: return "gid_map " + std::to_string(asked.ids_inside ? asked.ids_inside->gid : 0);
  case mount_propagation: return "private mounts";
  default: break;
  }
  constexpr const char* names[] = {"user", "mount", "pid", "net", "uts", "ipc"};
  std::string text;
  for (unsigned i = 0; i < std::size(names); ++i)
    if (asked.namespaces & (1U << i))
      text.append(text.empty() ? "" : " ").append(names[i]);
  return text;
}

std::string describe_cgroup(const process_options& asked)
{
  if (const auto* directory = std::get_if<std::string>(&asked.cgroup))
    return quoted_path(*directory);
  const int* const fd = std::get_if<int>(&asked.cgroup);
  return fd ? std::to_string(*fd) : std::string();
}

} // namespace

std::string mistake_in(const process_options& asked)
{
  const auto* cgroup = std::get_if<std::string>(&asked.cgroup);
  if (cgroup && names_nul(*cgroup))
    return "cgroup: NUL byte";
  if (asked.root && names_nul(*asked.root))
    return "root: NUL byte";
  if (asked.signal_mask && !all_between(*asked.signal_mask, 1, signal_limit + 1))
    return "signal mask " + joined(*asked.signal_mask);
  if (asked.cpu_affinity && !all_between(*asked.cpu_affinity, 0, cpu_limit))
    return "affinity " + joined(*asked.cpu_affinity);
  if (!all_between(asked.ambient_capabilities, 0, capability_limit))
    return "capability " + joined(asked.ambient_capabilities);
  if (asked.die_with_program && asked.parent_death_signal)
    return "die_with_program with a parent_death_signal";
  return {};
}

child_failure options_plan::prepare(const process_options& asked, child_options& planned)
{
  if (const child_failure failure = find_cgroup(asked); failure.error)
    return failure;
  planned.cgroup = std::holds_alternative<int>(asked.cgroup) ? std::get<int>(asked.cgroup) : cgroup_.get();
  planned.namespaces = asked.namespaces;
  if (asked.ids_inside) {
    prepare_maps(*asked.ids_inside);
    planned.uid_map = uid_map_.c_str();
    planned.gid_map = gid_map_.c_str();
  }
  if (asked.oom_score_adj) {
    oom_score_adj_ = std::to_string(*asked.oom_score_adj);
    planned.oom_score_adj = oom_score_adj_.c_str();
  }
  if (asked.signal_mask) {
    planned.blocked_signals = asked.signal_mask->data();
    planned.blocked_count = asked.signal_mask->size();
  }
  planned.reset_ignored_signals = asked.reset_ignored_signals;
  planned.controlling_terminal = address_of(asked.controlling_terminal);
  planned.foreground = address_of(asked.foreground);
  planned.limits = asked.limits.data();
  planned.limit_count = asked.limits.size();
  planned.scheduling = address_of(asked.scheduling);
  planned.nice = address_of(asked.nice);
  if (asked.cpu_affinity) {
    prepare_cpus(*asked.cpu_affinity);
    planned.cpus = cpus_.data();
    planned.cpus_size = cpus_.size() * sizeof cpus_[0];
  }
  planned.umask = address_of(asked.umask);
  planned.root = asked.root ? asked.root->c_str() : nullptr;
  planned.capabilities = asked.ambient_capabilities.data();
  planned.capability_count = asked.ambient_capabilities.size();
  planned.no_new_privs = asked.no_new_privs;
  planned.parent_death_signal = address_of(asked.parent_death_signal);
  planned.dies_with_program = asked.die_with_program;
  if (asked.die_with_program)
    planned.parent_death_signal = &kill_signal;
  if (planned.parent_death_signal)
    planned.parent = ::getpid();
  return {};
}

child_failure options_plan::find_cgroup(const process_options& asked)
{
  if (const auto* directory = std::get_if<std::string>(&asked.cgroup))
    return {spawn_step::cgroup, 0, open_file(directory->c_str(), O_RDONLY | O_DIRECTORY, cgroup_)};
  return {};
}

// "inside outside count": the one user, and the one group, that is the parent's.
void options_plan::prepare_maps(const process_options::namespace_ids& inside)
{
  uid_map_ = std::to_string(inside.uid) + ' ' + std::to_string(::geteuid()) + " 1";
  gid_map_ = std::to_string(inside.gid) + ' ' + std::to_string(::getegid()) + " 1";
}

void options_plan::prepare_cpus(const std::vector<int>& cpus)
{
  constexpr std::size_t bits = sizeof cpus_[0] * CHAR_BIT;
  cpus_.assign(1, 0); // No processor at all is for the kernel to refuse.
  for (const int cpu : cpus) {
    const auto number = static_cast<std::size_t>(cpu);
    cpus_.resize(std::max(cpus_.size(), number / bits + 1));
    cpus_[number / bits] |= 1UL << (number % bits);
  }
}

std::string describe(const process_options& asked, const child_failure& failure)
{
  const auto item = static_cast<std::size_t>(failure.item);
  const auto number = [](const std::optional<int>& value) { return value ? std::to_string(*value) : std::string(); };
  switch (failure.step) {
  case spawn_step::cgroup: return describe_cgroup(asked);
  case spawn_step::oom_score_adj: return number(asked.oom_score_adj);
  case spawn_step::namespaces: return describe_namespaces(asked, failure.item);
  case spawn_step::controlling_terminal: return number(asked.controlling_terminal);
  case spawn_step::foreground: return number(asked.foreground);
  case spawn_step::setrlimit: return item < asked.limits.size() ? limit_name(asked.limits[item].resource) : "";
  case spawn_step::scheduling:
    return asked.scheduling ? joined({asked.scheduling->policy, asked.scheduling->priority}) : "";
  case spawn_step::nice: return number(asked.nice);
  case spawn_step::affinity: return asked.cpu_affinity ? joined(*asked.cpu_affinity) : "";
  case spawn_step::chroot: return asked.root ? quoted_path(*asked.root) : "";
  case spawn_step::capabilities:
    return item < asked.ambient_capabilities.size() ? std::to_string(asked.ambient_capabilities[item]) : "";
  case spawn_step::parent_death_signal: return number(asked.parent_death_signal);
  default: return {};
  }
}

} // namespace subprocess::detail
