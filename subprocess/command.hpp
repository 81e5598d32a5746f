#pragma once

#include <sys/types.h>

#include <chrono>
#include <algorithm>
#include <concepts>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <subprocess/environment.hpp>
#include <subprocess/process_setters.hpp>
#include <subprocess/stdio.hpp>
#include <subprocess/stop_sequence.hpp>

namespace subprocess {

/// How the child is made.
enum class launcher {
  automatic, ///< The fastest one that can do what the command asks.
  fork,      ///< fork(): every POSIX system, every option, hooks too.
  clone,     ///< clone3() sharing the address space: Linux, no hooks.
};

/// Whose PATH is searched for a program.
enum class path_from {
  child,  ///< That of the environment the child gets, as execvp() does.
  parent, ///< That of this process.
};

/// A program to run, and everything about how to run it.
///
/// Copy it, move it, change it and spawn it as often as you like: a spawn
/// leaves it as it was. Mistakes in it (a NUL byte, a variable without a name)
/// are reported by the spawn, as `invalid_argument` at spawn_step::prepare.
///
/// Thread safety: distinct objects are safe; spawning one object from several
/// threads is safe while none changes it.
/// \source std::process::Command.
class command : public process_setters<command> {
public:
  /// \param program  A path when it holds a slash; otherwise a name that is
  ///                 looked for in the *child's* PATH, as execvp() does.
  explicit command(std::string program);
  command(std::string program, std::initializer_list<std::string_view> args);

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
  /// blocking spawn takes so much longer.
  /// \source execve(2), ETXTBSY.
  command& retry_text_busy(std::chrono::milliseconds limit);

  /// Adds one argument. No shell looks at it.
  command& arg(std::string_view value);

  command& args(std::initializer_list<std::string_view> values);
  template <std::ranges::input_range Range>
    requires std::convertible_to<std::ranges::range_reference_t<Range>, std::string_view>
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
  command& env_remove(std::string_view key);
  /// Inherits nothing, and forgets the changes made so far.
  command& env_clear();
  /// Sets all of a range of pairs.
  template <std::ranges::input_range Range>
  command& envs(Range&& pairs)
  {
    for (auto&& [key, value] : pairs)
      env(key, value);
    return *this;
  }
  command& envs(std::initializer_list<std::pair<std::string_view, std::string_view>> pairs)
  {
    return envs(std::views::all(pairs));
  }
  /// Of the parent's variables the child inherits these alone, where they are
  /// set; the changes come on top.
  command& env_inherit_only(std::initializer_list<std::string_view> names);

  /// The directory the child starts in. Entered after the change of user, so
  /// with that user's rights. A relative program path is relative to it.
  command& current_dir(std::filesystem::path path);

  /// Without groups(), uid() drops the supplementary groups too, where the
  /// parent may.
  command& uid(uid_t id);
  command& gid(gid_t id);
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
  /// throw. Needs launcher::fork.
  command& pre_exec(std::function<std::error_code()> hook);

  command& stdin_from(stdio source);
  command& stdout_to(stdio target);
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

  /// How the child is ended when what runs it is cancelled or out of time:
  /// async_run() and its kin. Not set: SIGTERM, and SIGKILL after 5 s.
  command& stop_with(stop_sequence sequence);

  /// Asks for one launcher. What it cannot do, or the kernel lacks, is then an
  /// error instead of a fall-back.
  command& use_launcher(launcher which);

  /// Everything that was asked for, as plain data.
  struct settings {
    struct fd_mapping {
      int parent_fd;
      int child_fd;
    };

    std::string program;
    std::vector<std::string> args;
    std::optional<std::string> arg0;
    environment_changes environment;
    std::optional<std::filesystem::path> current_dir;
    std::optional<uid_t> uid;
    std::optional<gid_t> gid;
    std::optional<std::vector<gid_t>> groups; // Empty is not unset: it drops them all.
    bool session_leader = false;
    std::optional<pid_t> process_group;
    std::vector<std::function<std::error_code()>> hooks;
    std::optional<stdio> streams[3];
    std::vector<fd_mapping> mappings;
    std::optional<bool> kill_on_destroy;
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
    bool makes_session() const noexcept
    {
      const auto is_terminal = [](const std::optional<stdio>& stream) {
        return stream && std::holds_alternative<stdio::pseudo_terminal>(stream->get());
      };
      return session_leader || process.controlling_terminal || std::ranges::any_of(streams, is_terminal);
    }

    /// Whether the child leads a process group that the spawn makes.
    bool makes_group() const noexcept { return makes_session() || process_group == 0; }
  };

  const settings& get() const noexcept { return settings_; }

private:
  friend process_setters<command>;

  settings settings_;
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
