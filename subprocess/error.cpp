#include <subprocess/error.hpp>

#include <ostream>
#include <utility>

namespace subprocess {

std::string_view to_string(spawn_step step) noexcept
{
  switch (step) {
  case spawn_step::prepare: return "prepare";
  case spawn_step::open_file: return "open_file";
  case spawn_step::pipe: return "pipe";
  case spawn_step::pty: return "pty";
  case spawn_step::fork: return "fork";
  case spawn_step::cgroup: return "cgroup";
  case spawn_step::oom_score_adj: return "oom_score_adj";
  case spawn_step::namespaces: return "namespaces";
  case spawn_step::stdio: return "stdio";
  case spawn_step::map_fd: return "map_fd";
  case spawn_step::signals: return "signals";
  case spawn_step::setsid: return "setsid";
  case spawn_step::setpgid: return "setpgid";
  case spawn_step::controlling_terminal: return "controlling_terminal";
  case spawn_step::foreground: return "foreground";
  case spawn_step::setrlimit: return "setrlimit";
  case spawn_step::scheduling: return "scheduling";
  case spawn_step::nice: return "nice";
  case spawn_step::affinity: return "affinity";
  case spawn_step::chroot: return "chroot";
  case spawn_step::setgroups: return "setgroups";
  case spawn_step::setgid: return "setgid";
  case spawn_step::setuid: return "setuid";
  case spawn_step::capabilities: return "capabilities";
  case spawn_step::no_new_privs: return "no_new_privs";
  case spawn_step::parent_death_signal: return "parent_death_signal";
  case spawn_step::die_with_program: return "die_with_program";
  case spawn_step::chdir: return "chdir";
  case spawn_step::pre_exec: return "pre_exec";
  case spawn_step::exec: return "exec";
  case spawn_step::output: return "output";
  case spawn_step::wait: return "wait";
  case spawn_step::time_limit: return "time_limit";
  }
  return "unknown step";
}

std::ostream& operator<<(std::ostream& out, spawn_step step)
{
  return out << to_string(step);
}

std::string spawn_failure::context() const
{
  std::string text = (step > spawn_step::exec ? "run \"" : "spawn \"") + program + "\": ";
  if (step == spawn_step::time_limit)
    return text + (detail == "deadline" ? detail : "time limit of " + detail);
  text += to_string(step);
  if (!detail.empty())
    text.append(" ").append(detail);
  return text;
}

std::string spawn_failure::message() const
{
  if (step == spawn_step::time_limit) // Which the code calls a connection.
    return context() + " has passed";
  std::string text = context() + ": " + code.message();
  if (!hint.empty())
    text.append(" (").append(hint).append(")");
  return text;
}

spawn_error::spawn_error(spawn_failure failure)
    : std::system_error(failure.code), told_(std::make_shared<const told>(told{failure, failure.message()}))
{
}

} // namespace subprocess
