#include <subprocess/command.hpp>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include <subprocess/command_settings.hpp>
#include <subprocess/detail/launch/plan_program.hpp>
#include <subprocess/detail/made_once.hpp>
#include <subprocess/stdio_target.hpp>

namespace subprocess {
namespace {

// Where a command begins, a shell takes these for its own: sh(1), and bash's and zsh's.
bool is_reserved(std::string_view word)
{
  constexpr std::string_view words[] = {"case",      "coproc", "do",     "done",    "elif",     "else",  "end",
                                        "esac",      "fi",     "for",    "foreach", "function", "if",    "in",
                                        "nocorrect", "repeat", "select", "then",    "time",     "until", "while"};
  return std::ranges::find(words, word) != std::end(words);
}

} // namespace

command::command(std::string program) : settings_(new settings)
{
  settings_->program = std::move(program);
}

command::command(const command& other) : settings_(new settings(other.get()))
{
}

command::~command()
{
  delete settings_;
}

const command::settings& command::get() const
{
  if (settings_)
    return *settings_;
  static constinit std::atomic<const settings*> nothing = nullptr; // As of one that was moved from.
  return detail::made_once(nothing, [] { return std::make_unique<const settings>(); });
}

command::settings& command::edit()
{
  if (!settings_)
    settings_ = new settings;
  return *settings_;
}

bool command::settings::makes_session() const noexcept
{
  const auto is_terminal = [](const std::optional<stdio>& stream) {
    return stream && std::holds_alternative<stdio::pseudo_terminal>(stream->get());
  };
  return session_leader || process.controlling_terminal || std::ranges::any_of(streams, is_terminal);
}

command::command(std::string program, std::initializer_list<argument> args) : command(std::move(program))
{
  this->args(args);
}

command command::from_fd(int fd, std::string name)
{
  command result(std::move(name));
  result.edit().program_fd = fd;
  return result;
}

command& command::search_path(path_from whose)
{
  edit().searched = whose;
  return *this;
}

command& command::shell_fallback(bool yes)
{
  edit().shell_fallback = yes;
  return *this;
}

command& command::retry_text_busy(std::chrono::milliseconds limit)
{
  edit().text_busy_limit = limit;
  return *this;
}

command& command::arg(std::string_view value)
{
  edit().args.emplace_back(value);
  return *this;
}

command& command::args(std::initializer_list<argument> values)
{
  for (const std::string_view value : values)
    edit().args.emplace_back(value);
  return *this;
}

command& command::arg0(std::string_view value)
{
  edit().arg0 = std::string(value);
  return *this;
}

command& command::env(std::string_view key, std::string_view value)
{
  edit().environment.set(key, value);
  return *this;
}

command& command::env_remove(std::string_view key)
{
  edit().environment.remove(key);
  return *this;
}

command& command::env_clear()
{
  edit().environment.clear();
  return *this;
}

command& command::env_inherit_only(std::initializer_list<std::string_view> names)
{
  edit().environment.inherit_only({names.begin(), names.end()});
  return *this;
}

command& command::current_dir(path_argument path)
{
  edit().current_dir = std::move(path).take();
  return *this;
}

command& command::user(std::string name)
{
  edit().user = std::move(name);
  edit().uid.reset();
  return *this;
}

command& command::group(std::string name)
{
  edit().group = std::move(name);
  edit().gid.reset();
  return *this;
}

command& command::uid(uid_t id)
{
  edit().uid = id;
  edit().user.reset();
  return *this;
}

command& command::gid(gid_t id)
{
  edit().gid = id;
  edit().group.reset();
  return *this;
}

command& command::groups(std::span<const gid_t> ids)
{
  edit().groups.emplace(ids.begin(), ids.end());
  return *this;
}

command& command::session_leader(bool yes)
{
  edit().session_leader = yes;
  return *this;
}

command& command::process_group(pid_t group)
{
  edit().process_group = group;
  return *this;
}

command& command::pre_exec(callback<std::error_code()> hook)
{
  edit().hooks.push_back(std::move(hook));
  return *this;
}

command& command::stdin_from(stdio source)
{
  edit().streams[0] = std::move(source);
  return *this;
}

command& command::stdout_to(stdio target)
{
  edit().streams[1] = std::move(target);
  return *this;
}

command& command::stderr_to(stdio target)
{
  edit().streams[2] = std::move(target);
  return *this;
}

command& command::map_fd(int parent_fd, int child_fd)
{
  edit().mappings.push_back({parent_fd, child_fd});
  return *this;
}

command& command::keep_all_fds(bool yes)
{
  edit().keep_all_fds = yes;
  return *this;
}

command& command::listen_fds(std::span<const int> fds, std::span<const std::string> names)
{
  for (const int fd : fds)
    map_fd(fd, static_cast<int>(3 + edit().listen_count++));
  edit().listen_names.insert(edit().listen_names.end(), names.begin(), names.end());
  if (names.empty())
    edit().listen_names.insert(edit().listen_names.end(), fds.size(), "unknown");
  return *this;
}

command& command::kill_on_destroy(bool yes)
{
  edit().kill_on_destroy = yes;
  return *this;
}

command& command::stop_on_destroy(bool yes)
{
  edit().stop_on_destroy = yes;
  return *this;
}

command& command::stop_with(stop_sequence sequence)
{
  edit().stop = std::move(sequence);
  return *this;
}

command& command::use_launcher(launcher which)
{
  edit().which = which;
  return *this;
}

command& command::cgroup(path_argument directory)
{
  edit().process.cgroup = std::move(directory).take();
  return *this;
}

command& command::cgroup(int directory)
{
  edit().process.cgroup = directory;
  return *this;
}

command& command::namespaces(std::initializer_list<new_namespace> kinds)
{
  for (const new_namespace kind : kinds)
    edit().process.namespaces |= static_cast<unsigned>(kind);
  return *this;
}

command& command::user_namespace(uid_t uid, gid_t gid)
{
  edit().process.ids_inside = {uid, gid};
  return namespaces({new_namespace::user});
}

command& command::oom_score_adj(int value)
{
  edit().process.oom_score_adj = value;
  return *this;
}

command& command::signal_mask(std::initializer_list<int> blocked)
{
  edit().process.signal_mask.emplace(blocked);
  return *this;
}

command& command::reset_ignored_signals(bool yes)
{
  edit().process.reset_ignored_signals = yes;
  return *this;
}

command& command::controlling_terminal(int child_fd)
{
  edit().process.controlling_terminal = child_fd;
  return *this;
}

command& command::foreground(int child_fd)
{
  edit().process.foreground = child_fd;
  return *this;
}

command& command::rlimit(int resource, rlim_t soft, rlim_t hard)
{
  edit().process.limits.push_back({resource, soft, hard});
  return *this;
}

command& command::scheduling(int policy, int priority)
{
  edit().process.scheduling = {policy, priority};
  return *this;
}

command& command::nice(int value)
{
  edit().process.nice = value;
  return *this;
}

command& command::cpu_affinity(std::initializer_list<int> cpus)
{
  edit().process.cpu_affinity.emplace(cpus);
  return *this;
}

command& command::umask(mode_t mode)
{
  edit().process.umask = mode;
  return *this;
}

command& command::chroot(path_argument path)
{
  edit().process.root = std::move(path).take();
  return *this;
}

command& command::keep_groups(bool yes)
{
  edit().process.keep_groups = yes;
  return *this;
}

command& command::ambient_capabilities(std::initializer_list<int> numbers)
{
  edit().process.ambient_capabilities.assign(numbers);
  return *this;
}

command& command::no_new_privs(bool yes)
{
  edit().process.no_new_privs = yes;
  return *this;
}

command& command::parent_death_signal(int number)
{
  edit().process.parent_death_signal = number;
  return *this;
}

command& command::die_with_program(bool yes)
{
  edit().process.die_with_program = yes;
  return *this;
}

std::string shell_quote(std::string_view word)
{
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+:,./-";
  if (!word.empty() && word.find_first_not_of(plain) == std::string_view::npos && !is_reserved(word))
    return std::string(word);
  std::string quoted = "'";
  for (const char c : word)
    if (c == '\'')
      quoted += "'\\''";
    else
      quoted += c;
  return quoted += '\'';
}

command shell(std::string_view script)
{
  return command("/bin/sh", {"-c", script});
}

std::vector<std::string> environment(const command& what)
{
  std::vector<std::string> entries = detail::environment_of(what.get());
  if (what.get().listen_count)
    std::erase_if(entries, [](const std::string& entry) { return entry.starts_with("LISTEN_PID="); });
  return entries;
}

std::string to_string(const command& what)
{
  std::string text = shell_quote(what.get().program);
  for (const std::string& arg : what.get().args)
    text.append(" ").append(shell_quote(arg));
  return text;
}

} // namespace subprocess
