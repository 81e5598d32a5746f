#pragma once

#include <sys/types.h>

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

namespace subprocess {

/// How the child is made.
enum class launcher {
  automatic, ///< The fastest one that can do what the command asks.
  fork,      ///< fork(): every POSIX system, every option, hooks too.
  clone,     ///< clone3() sharing the address space: Linux, no hooks.
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
  /// returns is the spawn's error; it must not throw. Needs launcher::fork.
  command& pre_exec(std::function<std::error_code()> hook);

  command& stdin_from(stdio source);
  command& stdout_to(stdio target);
  command& stderr_to(stdio target);

  /// Gives the child `parent_fd` under the number `child_fd`, 3 or above. The
  /// descriptor stays the caller's, who keeps it open until the spawn returned.
  command& map_fd(int parent_fd, int child_fd);

  /// Whether destroying the running child kills it. Not set: an async_child
  /// kills, a child does not.
  command& kill_on_destroy(bool yes);

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
    launcher which = launcher::automatic;
    process_options process;
  };

  const settings& get() const noexcept { return settings_; }

private:
  friend process_setters<command>;

  settings settings_;
};

/// Program and arguments, quoted so that they can be pasted into a shell.
std::string to_string(const command& what);

/// `word` as a shell takes it literally; itself when it needs no quotes.
std::string shell_quote(std::string_view word);

} // namespace subprocess
