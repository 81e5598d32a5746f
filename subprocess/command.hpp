#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <subprocess/callback.hpp>
#include <subprocess/detail/durations.hpp>
#include <subprocess/detail/iterable.hpp>
#include <subprocess/new_namespace.hpp>
#include <subprocess/path_argument.hpp>
#include <subprocess/stdio.hpp>
#include <subprocess/stop_sequence.hpp>

namespace subprocess {

/// How the child is made.
enum class launcher {
  automatic, ///< The fastest one that can do what the command asks.
  fork,      ///< A copy of the parent's memory: every POSIX system, every option, hooks too.
             ///< Its cost grows with the parent's memory.
  clone,     ///< The parent's own memory until the exec: Linux, no hooks, no oom_score_adj(),
             ///< and no less privilege than the parent's (user, groups, capabilities,
             ///< namespaces, root).
};

/// Whose PATH is searched for a program.
enum class path_from {
  child,  ///< That of the environment the child gets, as execvp() does.
  parent, ///< That of this process.
};

/// What can be an argument: what converts to std::string_view, and a path.
template <class T>
concept argument_like = std::convertible_to<T, std::string_view> || path_like<T>;

/// Several of them. A path is none, though it is a range of paths.
template <class T>
concept argument_range = detail::iterable<T> && argument_like<detail::element_of<T>> && !argument_like<T>;

/// A program to run, and everything about how to run it.
///
/// Copy it, move it, change it and spawn it as often as you like: a spawn
/// leaves it as it was. Mistakes in it (a NUL byte, a variable without a name)
/// are reported by the spawn, as `invalid_argument` at spawn_step::prepare.
///
/// Thread safety: distinct objects are safe; spawning one object from several
/// threads is safe while none changes it.
/// \source std::process::Command.
class command {
public:
  /// \param program  A path when it holds a slash; otherwise a name that is
  ///                 looked for in the *child's* PATH, as execvp() does.
  explicit command(std::string program);

  command(const command& other);
  command(command&& other) noexcept : settings_(std::exchange(other.settings_, nullptr)) {}
  command& operator=(command other) noexcept
  {
    std::swap(settings_, other.settings_);
    return *this;
  }
  ~command();

  /// One of the arguments between braces, which may be strings and paths together.
  /// Refers to what it is made of.
  class argument {
  public:
    template <argument_like T>
    argument(const T& value) : text_(text_of(value))
    {
    }

    operator std::string_view() const noexcept { return text_; }

  private:
    std::string_view text_;
  };

  /// \param args  `{"-r", source, target}`, or any range of strings or paths.
  command(std::string program, std::initializer_list<argument> args);
  template <argument_range Range>
  command(std::string program, Range&& args) : command(std::move(program))
  {
    this->args(std::forward<Range>(args));
  }

  /// The program that is open as `fd`, a memfd for instance; `name` is its
  /// argv[0], and what errors call it. The descriptor stays the caller's, who
  /// keeps it open until the spawn returned.
  ///
  /// The interpreter of a script opens it again: give it inherit_fd(fd) too.
  /// \source execveat(2), AT_EMPTY_PATH; fexecve(3); memfd_create(2).
  static command from_fd(int fd, std::string name);

  /// Whose PATH is searched when the program is a name; the child's, unless told
  /// otherwise.
  command& search_path(path_from whose);

  /// Whether a file without a known format runs through /bin/sh, as execvp()
  /// has it; otherwise it is `ENOEXEC`. It is not done for from_fd().
  /// \source execvp(3), "ENOEXEC".
  command& shell_fallback(bool yes);

  /// How long the exec is tried again, each millisecond, while somebody has the
  /// program's file open for writing: `ETXTBSY`. Not at all unless told. A
  /// blocking spawn takes so much longer; on an event loop nobody waits for it.
  /// \source execve(2), ETXTBSY.
  command& retry_text_busy(std::chrono::milliseconds limit);

  /// Adds one argument. No shell looks at it.
  command& arg(std::string_view value);
  template <path_like Path>
  command& arg(const Path& value)
  {
    return arg(text_of(value));
  }

  /// Adds several, as the constructor does.
  command& args(std::initializer_list<argument> values);
  template <argument_range Range>
  command& args(Range&& values)
  {
    for (auto&& value : values)
      arg(value);
    return *this;
  }

  /// What the program sees as argv[0], in place of its name.
  command& arg0(std::string_view value);

  /// The child inherits the environment as it is at the spawn, with these
  /// changes; of several for one key the last wins.
  command& env(std::string_view key, std::string_view value);
  /// The child does not get this variable.
  command& env_remove(std::string_view key);
  /// Inherits nothing, and forgets the changes made so far.
  command& env_clear();
  /// Sets all of a range of pairs.
  template <detail::iterable Range>
  command& envs(Range&& pairs)
  {
    for (auto&& [key, value] : pairs)
      env(key, value);
    return *this;
  }
  command& envs(std::initializer_list<std::pair<std::string_view, std::string_view>> pairs)
  {
    for (const auto& [key, value] : pairs)
      env(key, value);
    return *this;
  }
  /// Of the parent's variables the child inherits these alone, where they are
  /// set; the changes come on top.
  command& env_inherit_only(std::initializer_list<std::string_view> names);

  /// The directory the child starts in. Entered after the change of user, so
  /// with that user's rights. A relative program path is relative to it.
  command& current_dir(path_argument path);

  /// The user of this name, with all that a login gives: its uid, its gid and its
  /// supplementary groups; gid(), group(), groups() and keep_groups() are exceptions
  /// from that. Of user() and uid() the last call counts.
  ///
  /// The name is looked up at each spawn by the thread that spawns, also on an event
  /// loop, and before there is a child. That can take time where users come from the
  /// network. A user that is not there is `EINVAL` at spawn_step::prepare, with the
  /// detail `user "nobody2"`.
  /// \source getpwnam_r(3), getgrouplist(3), nsswitch.conf(5).
  command& user(std::string name);

  /// The group of this name, as of user(). Of group() and gid() the last call counts.
  /// \source getgrnam_r(3).
  command& group(std::string name);

  /// The number alone: the group stays that of the parent, root's for instance, unless
  /// gid() says otherwise; user() changes both. Without groups() it drops the
  /// supplementary groups, where the parent may.
  command& uid(uid_t id);
  /// The group, by its number. Of group() and gid() the last call counts.
  command& gid(gid_t id);
  /// The supplementary groups, these and no others.
  /// \source setgroups(2).
  command& groups(std::span<const gid_t> ids);
  command& groups(std::initializer_list<gid_t> ids) { return groups(std::span(ids.begin(), ids.size())); }

  /// As groups() with none.
  command& drop_groups() { return groups({}); }

  /// Starts a session (setsid), without a controlling terminal.
  command& session_leader(bool yes = true);

  /// Joins a process group; 0 makes one that the child leads.
  command& process_group(pid_t group = 0);

  /// Adds a hook that runs in the child, last before exec; several run in order.
  ///
  /// The child is a fork of one thread of the program: what the hook calls must
  /// be async-signal-safe unless the program has no other threads. The error it
  /// returns is the spawn's error, or `EINVAL` when it is no errno; it must not
  /// throw. It may fork again, and on Linux close and replace descriptors. While it runs,
  /// the parent's descriptors are open in the child. Needs launcher::fork.
  command& pre_exec(callback<std::error_code()> hook);

  /// Where the child reads from. Not set: what is inherited by a spawn and a run, null
  /// in a capture.
  command& stdin_from(stdio source);
  /// Where the child's stdout goes. Not set: it is inherited by a spawn and a run, and read
  /// by a capture.
  command& stdout_to(stdio target);
  /// Where the child's stderr goes; not set as of stdout_to().
  command& stderr_to(stdio target);

  /// Gives the child `parent_fd` under the number `child_fd`, 3 or above. The
  /// descriptor stays the caller's, who keeps it open until the spawn returned.
  command& map_fd(int parent_fd, int child_fd);

  /// As map_fd() to the same number, 3 or above.
  command& inherit_fd(int fd) { return map_fd(fd, fd); }

  /// Leaves the child every descriptor that is not close-on-exec, as exec does
  /// by itself. Whatever other threads open just now may be among them.
  /// \source execve(2), FD_CLOEXEC.
  command& keep_all_fds(bool yes = true);

  /// Gives the child listening sockets as a service manager does: from 3 on in
  /// this order, with LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES in its
  /// environment.
  /// \param names  One for each descriptor, without colons; or none, which are
  ///               then all "unknown".
  /// \source sd_listen_fds(3).
  command& listen_fds(std::span<const int> fds, std::span<const std::string> names = {});
  command& listen_fds(std::initializer_list<int> fds, std::initializer_list<std::string> names = {})
  {
    return listen_fds(std::span(fds.begin(), fds.size()), std::span(names.begin(), names.size()));
  }

  /// Whether destroying the running child kills it. Not set: an async_child
  /// kills, a child does not.
  command& kill_on_destroy(bool yes);

  /// Whether an async_child that is killed when it is destroyed goes by its stop
  /// sequence instead, see stop_with(), in the background. It means nothing to a child:
  /// its destructor does not wait, and there is nobody in the background who could.
  command& stop_on_destroy(bool yes = true);

  /// How the child is ended when what runs it is cancelled or out of time:
  /// async_run() and its kin. Not set: SIGTERM, and SIGKILL after 5 s.
  command& stop_with(stop_sequence sequence);

  /// Asks for one launcher. What it cannot do, or the kernel lacks, is then an
  /// error instead of a fall-back.
  command& use_launcher(launcher which);

  // What follows sets up the child's process. The child does all of it before it becomes
  // the program, in the order of the table in docs/options.md: what takes privileges
  // comes before the user changes. What this system lacks is an error of the spawn, at
  // the step of that name: `EOPNOTSUPP`, or what the kernel says. Nothing is skipped
  // silently.

  /// Puts the child into a cgroup, given by its directory or a descriptor of it,
  /// which stays the caller's. The child is born there if the kernel can do that.
  /// \source cgroups(7); clone(2), CLONE_INTO_CGROUP.
  command& cgroup(path_argument directory);
  command& cgroup(int directory);

  /// Gives the child new namespaces. Mounts in a new mount namespace are private:
  /// where the root is no mount, as within chroot, that is not possible (`EINVAL`).
  ///
  /// In a new pid namespace the child is process 1: of its siblings' and its
  /// parent's signals only SIGKILL and SIGSTOP reach it without a handler. It
  /// excludes pre_exec().
  /// \source namespaces(7), clone(2), unshare(2).
  command& namespaces(std::initializer_list<new_namespace> kinds);

  /// A new user namespace, in which the parent's effective user and group are
  /// called `uid` and `gid`. Unlike the other namespaces it takes no privileges,
  /// and with it neither do they. Within chroot there is none (`EPERM`).
  ///
  /// No other ids are mapped: a longer map is for a process outside to write.
  /// uid() and gid() are then ids inside, and groups cannot be changed.
  /// \source user_namespaces(7).
  command& user_namespace(uid_t uid = 0, gid_t gid = 0);

  /// How much the child invites the out-of-memory killer: -1000 to 1000.
  /// \source proc(5), oom_score_adj.
  command& oom_score_adj(int value);

  /// The signals that are blocked in the program; none unless told otherwise.
  /// \source sigprocmask(2).
  command& signal_mask(std::initializer_list<int> blocked);

  /// Whether signals that the parent ignores become default in the child.
  /// \source execve(2): ignored ones stay ignored.
  command& reset_ignored_signals(bool yes = true);

  /// Starts a session, as session_leader() does, and makes the terminal that is
  /// the *child's* descriptor `child_fd` its controlling one.
  /// \source ioctl_tty(2), TIOCSCTTY.
  command& controlling_terminal(int child_fd = 0);

  /// Makes the child's process group the foreground one of the terminal that is
  /// the *child's* descriptor `child_fd`; goes with process_group(). A spawn that fails
  /// gives the terminal back; when the child has ended, the caller does.
  /// \source tcsetpgrp(3).
  command& foreground(int child_fd = 0);

  /// Limits a resource, RLIMIT_NOFILE for instance; RLIM_INFINITY is no limit.
  /// Of several for one resource the last wins.
  /// \source setrlimit(2).
  command& rlimit(int resource, rlim_t soft, rlim_t hard);

  /// The scheduling policy, SCHED_BATCH for instance, and its static priority.
  /// \source sched_setscheduler(2).
  command& scheduling(int policy, int priority = 0);

  /// The nice value itself, -20 to 19: it is not added to the parent's.
  /// \source setpriority(2).
  command& nice(int value);

  /// The processors that the child may run on, counted from 0.
  /// \source sched_setaffinity(2).
  command& cpu_affinity(std::initializer_list<int> cpus);

  /// The permissions that new files of the child do not get.
  /// \source umask(2).
  command& umask(mode_t mode);

  /// Makes `path` the child's root directory, and its current one until
  /// current_dir(). The program is looked for inside.
  /// \source chroot(2).
  command& chroot(path_argument path);

  /// uid() leaves the supplementary groups alone. groups() overrides it.
  /// \source setgroups(2).
  command& keep_groups(bool yes = true);

  /// Capabilities, CAP_NET_BIND_SERVICE for instance, that the program has though
  /// its user is not root. They have to be among the parent's permitted ones.
  /// \source capabilities(7), "Ambient".
  command& ambient_capabilities(std::initializer_list<int> numbers);

  /// Neither set-user-ID bits nor file capabilities give the program, or what it
  /// runs, any rights.
  /// \source PR_SET_NO_NEW_PRIVS(2const).
  command& no_new_privs(bool yes = true);

  /// The signal that the child gets when its parent ends, even if that is before
  /// the child is the program. Until then all but SIGKILL wait.
  ///
  /// The parent is the *thread* that spawned: when that thread ends the child gets
  /// the signal, though the program goes on. With async_spawn this is the thread
  /// that runs the event loop, or one that the library keeps for its launches. A
  /// program with a set-user-ID bit or file capabilities clears it. In a new pid
  /// namespace an end before it was set goes unnoticed.
  /// \source PR_SET_PDEATHSIG(2const).
  command& parent_death_signal(int number);

  /// The child is killed (SIGKILL) when this program ends, however it ends, even if
  /// that is before the child is the program; not when the thread that spawned it
  /// does, nor when a fork of the program ends. A program that replaces itself by
  /// exec has ended too.
  ///
  /// The child's own children are not killed. A program with a set-user-ID bit or file
  /// capabilities is not either, nor is one that changes its user itself, or that this
  /// program may not signal any more: the kernel has it so. In a new pid namespace an
  /// end before the child was ready goes unnoticed.
  ///
  /// Such children are made by a thread that the library keeps from the first of them
  /// on, and inherit what belongs to a thread from it: its processors, niceness,
  /// namespaces, capabilities and seccomp filters are those of the thread that spawned
  /// the first. Excludes parent_death_signal(). Linux.
  /// \source PR_SET_PDEATHSIG(2const).
  command& die_with_program(bool yes = true);

  struct settings;
  /// What was asked for so far, for code that acts on it: it includes
  /// <subprocess/command_settings.hpp>.
  const settings& get() const;

private:
  template <argument_like T>
  static std::string_view text_of(const T& value)
  {
    if constexpr (path_like<T>)
      return value.native();
    else
      return value;
  }

  settings& edit();

  settings* settings_; // Null when it was moved from; it starts anew then.
};

/// Program and arguments, quoted so that they can be pasted into a shell.
std::string to_string(const command& what);

/// /bin/sh -c `script`: the one way by which a shell reads what it is given.
/// Everything foreign in the script goes through shell_quote(), or is an argument:
/// the first is the script's $0, the next $1.
/// \source sh(1), system(3).
command shell(std::string_view script);

/// The variables that a child of this command would get now, as `KEY=value`.
/// LISTEN_PID is missing: it is not known yet.
std::vector<std::string> environment(const command& what);

/// `word` as a shell takes it literally; itself when it needs no quotes.
std::string shell_quote(std::string_view word);

} // namespace subprocess
