#include <subprocess/command.hpp>

#include <algorithm>
#include <iterator>

#include <subprocess/detail/launch/plan_program.hpp>

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

command::command(std::string program)
{
  settings_.program = std::move(program);
}

command::command(std::string program, std::initializer_list<argument> args) : command(std::move(program))
{
  this->args(args);
}

command command::from_fd(int fd, std::string name)
{
  command result(std::move(name));
  result.settings_.program_fd = fd;
  return result;
}

command& command::search_path(path_from whose)
{
  settings_.searched = whose;
  return *this;
}

command& command::shell_fallback(bool yes)
{
  settings_.shell_fallback = yes;
  return *this;
}

command& command::retry_text_busy(std::chrono::milliseconds limit)
{
  settings_.text_busy_limit = limit;
  return *this;
}

command& command::arg(std::string_view value)
{
  settings_.args.emplace_back(value);
  return *this;
}

command& command::args(std::initializer_list<argument> values)
{
  for (const std::string_view value : values)
    settings_.args.emplace_back(value);
  return *this;
}

command& command::arg0(std::string_view value)
{
  settings_.arg0 = std::string(value);
  return *this;
}

command& command::env(std::string_view key, std::string_view value)
{
  settings_.environment.set(key, value);
  return *this;
}

command& command::env_remove(std::string_view key)
{
  settings_.environment.remove(key);
  return *this;
}

command& command::env_clear()
{
  settings_.environment.clear();
  return *this;
}

command& command::env_inherit_only(std::initializer_list<std::string_view> names)
{
  settings_.environment.inherit_only({names.begin(), names.end()});
  return *this;
}

command& command::current_dir(std::filesystem::path path)
{
  settings_.current_dir = std::move(path);
  return *this;
}

command& command::user(std::string name)
{
  settings_.user = std::move(name);
  settings_.uid.reset();
  return *this;
}

command& command::group(std::string name)
{
  settings_.group = std::move(name);
  settings_.gid.reset();
  return *this;
}

command& command::uid(uid_t id)
{
  settings_.uid = id;
  settings_.user.reset();
  return *this;
}

command& command::gid(gid_t id)
{
  settings_.gid = id;
  settings_.group.reset();
  return *this;
}

command& command::groups(std::span<const gid_t> ids)
{
  settings_.groups.emplace(ids.begin(), ids.end());
  return *this;
}

command& command::session_leader(bool yes)
{
  settings_.session_leader = yes;
  return *this;
}

command& command::process_group(pid_t group)
{
  settings_.process_group = group;
  return *this;
}

command& command::pre_exec(std::function<std::error_code()> hook)
{
  settings_.hooks.push_back(std::move(hook));
  return *this;
}

command& command::stdin_from(stdio source)
{
  settings_.streams[0] = std::move(source);
  return *this;
}

command& command::stdout_to(stdio target)
{
  settings_.streams[1] = std::move(target);
  return *this;
}

command& command::stderr_to(stdio target)
{
  settings_.streams[2] = std::move(target);
  return *this;
}

command& command::map_fd(int parent_fd, int child_fd)
{
  settings_.mappings.push_back({parent_fd, child_fd});
  return *this;
}

command& command::keep_all_fds(bool yes)
{
  settings_.keep_all_fds = yes;
  return *this;
}

command& command::listen_fds(std::span<const int> fds, std::span<const std::string> names)
{
  for (const int fd : fds)
    map_fd(fd, static_cast<int>(3 + settings_.listen_count++));
  settings_.listen_names.insert(settings_.listen_names.end(), names.begin(), names.end());
  if (names.empty())
    settings_.listen_names.insert(settings_.listen_names.end(), fds.size(), "unknown");
  return *this;
}

command& command::kill_on_destroy(bool yes)
{
  settings_.kill_on_destroy = yes;
  return *this;
}

command& command::stop_on_destroy(bool yes)
{
  settings_.stop_on_destroy = yes;
  return *this;
}

command& command::stop_with(stop_sequence sequence)
{
  settings_.stop = std::move(sequence);
  return *this;
}

command& command::use_launcher(launcher which)
{
  settings_.which = which;
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
