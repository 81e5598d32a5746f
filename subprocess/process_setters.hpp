#pragma once

#include <sys/types.h>

#include <filesystem>
#include <initializer_list>
#include <utility>

#include <subprocess/process_options.hpp>

namespace subprocess {

/// The part of command that sets up the child's process. The child does all of
/// it before it becomes the program, in the order of the table in
/// docs/options.md: what takes privileges comes before the user changes.
///
/// What this system lacks is an error of the spawn, at the step of that name:
/// `EOPNOTSUPP`, or what the kernel says. Nothing is skipped silently.
template <class Command>
class process_setters {
public:
  /// Puts the child into a cgroup, given by its directory or a descriptor of it,
  /// which stays the caller's. The child is born there if the kernel can do that.
  /// \source cgroups(7); clone(2), CLONE_INTO_CGROUP.
  Command& cgroup(std::filesystem::path directory) { return set().cgroup = std::move(directory), self(); }
  Command& cgroup(int directory) { return set().cgroup = directory, self(); }

  /// Gives the child new namespaces. Mounts in a new mount namespace are private.
  ///
  /// In a new pid namespace the child is process 1: of its siblings' and its
  /// parent's signals only SIGKILL and SIGSTOP reach it without a handler. It
  /// takes launcher::clone.
  /// \source namespaces(7), clone(2), unshare(2).
  Command& namespaces(std::initializer_list<new_namespace> kinds)
  {
    for (const new_namespace kind : kinds)
      set().namespaces |= static_cast<unsigned>(kind);
    return self();
  }

  /// A new user namespace, in which the parent's effective user and group are
  /// called `uid` and `gid`. Unlike the other namespaces it takes no privileges,
  /// and with it neither do they.
  ///
  /// No other ids are mapped: a longer map is for a process outside to write.
  /// uid() and gid() are then ids inside, and groups cannot be changed.
  /// \source user_namespaces(7).
  Command& user_namespace(uid_t uid = 0, gid_t gid = 0)
  {
    set().ids_inside = {uid, gid};
    return namespaces({new_namespace::user});
  }

  /// How much the child invites the out-of-memory killer: -1000 to 1000.
  /// \source proc(5), oom_score_adj.
  Command& oom_score_adj(int value) { return set().oom_score_adj = value, self(); }

  /// The signals that are blocked in the program; none unless told otherwise.
  /// \source sigprocmask(2).
  Command& signal_mask(std::initializer_list<int> blocked) { return set().signal_mask.emplace(blocked), self(); }

  /// Whether signals that the parent ignores become default in the child.
  /// \source execve(2): ignored ones stay ignored.
  Command& reset_ignored_signals(bool yes = true) { return set().reset_ignored_signals = yes, self(); }

  /// Starts a session, as session_leader() does, and makes the terminal that is
  /// the *child's* descriptor `child_fd` its controlling one.
  /// \source ioctl_tty(2), TIOCSCTTY.
  Command& controlling_terminal(int child_fd = 0) { return set().controlling_terminal = child_fd, self(); }

  /// Makes the child's process group the foreground one of the terminal that is
  /// the *child's* descriptor `child_fd`; goes with process_group().
  /// \source tcsetpgrp(3).
  Command& foreground(int child_fd = 0) { return set().foreground = child_fd, self(); }

  /// Limits a resource, RLIMIT_NOFILE for instance; RLIM_INFINITY is no limit.
  /// Of several for one resource the last wins.
  /// \source setrlimit(2).
  Command& rlimit(int resource, rlim_t soft, rlim_t hard)
  {
    set().limits.push_back({resource, soft, hard});
    return self();
  }

  /// The scheduling policy, SCHED_BATCH for instance, and its static priority.
  /// \source sched_setscheduler(2).
  Command& scheduling(int policy, int priority = 0)
  {
    set().scheduling = {policy, priority};
    return self();
  }

  /// The nice value itself, -20 to 19: it is not added to the parent's.
  /// \source setpriority(2).
  Command& nice(int value) { return set().nice = value, self(); }

  /// The processors that the child may run on, counted from 0.
  /// \source sched_setaffinity(2).
  Command& cpu_affinity(std::initializer_list<int> cpus) { return set().cpu_affinity.emplace(cpus), self(); }

  /// The permissions that new files of the child do not get.
  /// \source umask(2).
  Command& umask(mode_t mode) { return set().umask = mode, self(); }

  /// Makes `path` the child's root directory, and its current one until
  /// current_dir(). The program is looked for inside.
  /// \source chroot(2).
  Command& chroot(std::filesystem::path path) { return set().root = std::move(path), self(); }

  /// uid() leaves the supplementary groups alone. groups() overrides it.
  /// \source setgroups(2).
  Command& keep_groups(bool yes = true) { return set().keep_groups = yes, self(); }

  /// Capabilities, CAP_NET_BIND_SERVICE for instance, that the program has though
  /// its user is not root. They have to be among the parent's permitted ones.
  /// \source capabilities(7), "Ambient".
  Command& ambient_capabilities(std::initializer_list<int> numbers)
  {
    set().ambient_capabilities.assign(numbers);
    return self();
  }

  /// Neither set-user-ID bits nor file capabilities give the program, or what it
  /// runs, any rights.
  /// \source PR_SET_NO_NEW_PRIVS(2const).
  Command& no_new_privs(bool yes = true) { return set().no_new_privs = yes, self(); }

  /// The signal that the child gets when its parent ends, even if that is before
  /// the child is the program.
  ///
  /// The parent is the *thread* that spawned: when that thread ends the child gets
  /// the signal, though the program goes on. With async_spawn this is the thread
  /// that runs the event loop, or one that the library keeps for its launches. A
  /// program with a set-user-ID bit or file capabilities clears it. In a new pid
  /// namespace an end before it was set goes unnoticed.
  /// \source PR_SET_PDEATHSIG(2const).
  Command& parent_death_signal(int number) { return set().parent_death_signal = number, self(); }

private:
  Command& self() noexcept { return static_cast<Command&>(*this); }
  process_options& set() noexcept { return self().settings_.process; }
};

} // namespace subprocess
