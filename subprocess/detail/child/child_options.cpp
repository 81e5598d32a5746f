// Runs in the child; what holds for child_main.cpp holds here.

#include <subprocess/detail/child/child_options.hpp>

#include <cerrno>

#include <subprocess/detail/child/child_plan.hpp>

#include <subprocess/detail/child/option_calls.hpp>
#include <subprocess/detail/child/raw_calls.hpp>

namespace subprocess::detail {
namespace {

child_failure outcome_of(spawn_step step, long result, int item = 0) noexcept
{
  return result < 0 ? child_failure{step, item, static_cast<int>(-result)} : no_failure;
}

bool has(const child_options& options, new_namespace kind) noexcept
{
  return options.namespaces & static_cast<unsigned>(kind);
}

// A process may map one id of its own, and gives up setgroups() first.
child_failure map_own_ids(const child_options& options) noexcept
{
  const struct {
    const char* path;
    const char* text;
    namespace_part part;
  } files[] = {{"/proc/self/setgroups", "deny", setgroups_file},
               {"/proc/self/uid_map", options.uid_map, uid_map_file},
               {"/proc/self/gid_map", options.gid_map, gid_map_file}};
  for (const auto& file : files)
    if (const long result = raw::write_file(file.path, file.text); result < 0)
      return outcome_of(spawn_step::namespaces, result, file.part);
  return no_failure;
}

child_failure enter_namespaces(const child_options& options) noexcept
{
  if (!options.born_in_namespaces) {
    // unshare() would put the child's children there, not itself.
    const long result = has(options, new_namespace::pid) ? -EOPNOTSUPP : raw::unshare(options.namespaces);
    if (result < 0)
      return outcome_of(spawn_step::namespaces, result, making_them);
  }
  if (options.uid_map)
    if (const child_failure failure = map_own_ids(options); failure.error)
      return failure;
  // What is mounted inside must not show outside, which is the kernel's default.
  if (has(options, new_namespace::mount))
    return outcome_of(spawn_step::namespaces, raw::make_mounts_private(), mount_propagation);
  return no_failure;
}

// The parent may have ended before. One in another pid namespace cannot be seen, and is 0.
long end_with_parent(int number, pid_t parent) noexcept
{
  const long result = raw::set_parent_death_signal(number);
  if (const pid_t now = result < 0 ? 0 : raw::parent(); now != 0 && now != parent)
    raw::signal_self(number);
  return result;
}

} // namespace

void open_mask(const child_options& options) noexcept
{
  raw::signal_set mask = raw::no_signals();
  for (std::size_t i = 0; i < options.blocked_count; ++i)
    raw::add_signal(mask, options.blocked_signals[i]);
  raw::set_mask(mask);
}

// Files are written first, while the limits and the root are still the parent's.
child_failure enter_surroundings(const child_options& options) noexcept
{
  if (options.cgroup != -1 && !options.born_in_cgroup)
    if (const long result = raw::enter_cgroup(options.cgroup); result < 0)
      return outcome_of(spawn_step::cgroup, result);
  // Before the namespaces: a new user namespace has no say about it.
  if (options.oom_score_adj)
    if (const long result = raw::set_oom_score_adj(options.oom_score_adj); result < 0)
      return outcome_of(spawn_step::oom_score_adj, result);
  return options.namespaces ? enter_namespaces(options) : no_failure;
}

// What fails here is told by bind_process().
void stay_with_parent(const child_options& options) noexcept
{
  if (options.parent_death_signal)
    end_with_parent(*options.parent_death_signal, options.parent);
  else if (options.is_awaited)
    end_with_parent(SIGKILL, options.parent);
}

child_failure take_terminal(child_options& options) noexcept
{
  if (options.controlling_terminal)
    if (const long result = raw::set_controlling_terminal(*options.controlling_terminal); result < 0)
      return outcome_of(spawn_step::controlling_terminal, result);
  if (!options.foreground)
    return no_failure;
  // A group in the background that asks would be stopped by SIGTTOU, were the mask
  // not closed.
  const int terminal = *options.foreground;
  const long before = raw::foreground_group(terminal);
  const long result = raw::set_foreground(terminal, raw::own_group());
  if (result >= 0 && before > 0)
    options.foreground_before = static_cast<pid_t>(before);
  return outcome_of(spawn_step::foreground, result);
}

// Or it would be that of a group which is gone, and the parent, in the background, would
// be stopped when it reads. What somebody else has taken meanwhile stays his.
void give_terminal_back(const child_options& options) noexcept
{
  if (options.foreground_before == 0 || raw::foreground_group(*options.foreground) != raw::own_group())
    return;
  raw::set_mask(raw::all_signals()); // A hook had it open, and here too SIGTTOU would stop the child.
  raw::set_foreground(*options.foreground, options.foreground_before);
}

// Raising a limit, or the priority, takes privileges.
child_failure limit_resources(const child_options& options) noexcept
{
  for (std::size_t i = 0; i < options.limit_count; ++i)
    if (const long result = raw::set_limit(options.limits[i]); result < 0)
      return outcome_of(spawn_step::setrlimit, result, static_cast<int>(i));
  if (options.scheduling)
    if (const long result = raw::set_scheduling(*options.scheduling); result < 0)
      return outcome_of(spawn_step::scheduling, result);
  if (options.nice)
    if (const long result = raw::set_nice(*options.nice); result < 0)
      return outcome_of(spawn_step::nice, result);
  if (options.cpus)
    if (const long result = raw::set_affinity(options.cpus, options.cpus_size); result < 0)
      return outcome_of(spawn_step::affinity, result);
  if (options.umask)
    raw::set_umask(*options.umask); // Cannot fail.
  return no_failure;
}

// Who stays outside the root with the current directory can leave it.
child_failure change_root(const child_options& options) noexcept
{
  if (!options.root)
    return no_failure;
  if (const long result = raw::chroot(options.root); result < 0)
    return outcome_of(spawn_step::chroot, result);
  return outcome_of(spawn_step::chroot, raw::chdir("/"));
}

child_failure keep_capabilities(const child_options& options, const uid_t* uid) noexcept
{
  return options.capability_count && uid ? outcome_of(spawn_step::capabilities, raw::keep_capabilities()) : no_failure;
}

child_failure raise_capabilities(const child_options& options, const uid_t* uid) noexcept
{
  if (!options.capability_count)
    return no_failure;
  const bool drop_others = uid && *uid != 0; // They were kept for this alone.
  int item = 0;
  const long result = raw::raise_ambient(options.capabilities, options.capability_count, drop_others, item);
  return outcome_of(spawn_step::capabilities, result, item);
}

child_failure bind_process(const child_options& options) noexcept
{
  if (options.no_new_privs)
    if (const long result = raw::set_no_new_privs(); result < 0)
      return outcome_of(spawn_step::no_new_privs, result);
  if (!options.parent_death_signal) {
    if (options.is_awaited)
      raw::set_parent_death_signal(0);
    return no_failure;
  }
  // A change of user clears it, so it comes after that.
  const spawn_step step = options.dies_with_program ? spawn_step::die_with_program : spawn_step::parent_death_signal;
  return outcome_of(step, end_with_parent(*options.parent_death_signal, options.parent));
}

} // namespace subprocess::detail
