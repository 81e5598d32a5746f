#include <subprocess/detail/launch/launch_plan.hpp>

#include <fcntl.h>
#include <algorithm>
#include <cerrno>
#include <climits>

#include <subprocess/command_settings.hpp>
#include <subprocess/stdio_target.hpp>

namespace subprocess::detail {
namespace {

constexpr const char* stream_names[] = {"stdin", "stdout", "stderr"};

bool has_nul(const std::string& text)
{
  return text.find('\0') != std::string::npos;
}

std::string in_quotes(const std::string& text)
{
  return '"' + text + '"';
}

std::string describe_made(const stdio::target& choice, int stream)
{
  if (const auto* file = std::get_if<stdio::file>(&choice))
    return in_quotes(file->path);
  return std::holds_alternative<stdio::text>(choice) ? std::string(stream_names[stream]) + " data" : "\"/dev/null\"";
}

bool is_terminal(const std::optional<stdio>& choice)
{
  return choice && std::holds_alternative<stdio::pseudo_terminal>(choice->get());
}

} // namespace

launch_plan::launch_plan(const command& what, const stream_defaults& defaults, spawn_failure& failure)
    : settings_(what.get()), defaults_(defaults)
{
  failure = check();
  if (!failure)
    failure = check_descriptors();
  if (!failure)
    failure = plan_made_streams();
  if (failure)
    return;
  if (const child_failure refused = options_.prepare(settings_.process, plan_.options); refused.error) {
    failure = explain(refused);
    return;
  }
  program_.prepare(settings_, plan_);
  plan_unneeded();
  failure = prepare_credentials();
}

spawn_failure launch_plan::fail(spawn_step step, int error, std::string detail) const
{
  return {std::error_code(error, std::system_category()), step, settings_.program, std::move(detail)};
}

spawn_failure launch_plan::check() const
{
  const auto invalid = [&](std::string detail) { return fail(spawn_step::prepare, EINVAL, std::move(detail)); };
  const auto& s = settings_;
  if (s.program.empty())
    return invalid("program: empty");
  if (has_nul(s.program))
    return invalid("program: NUL byte");
  if (std::ranges::any_of(s.args, has_nul) || (s.arg0 && has_nul(*s.arg0)))
    return invalid("argument: NUL byte");
  if (!s.environment.valid())
    return invalid("variable " + in_quotes(std::string(s.environment.first_invalid())));
  if ((s.user && has_nul(*s.user)) || (s.group && has_nul(*s.group)))
    return invalid("user or group: NUL byte");
  if (s.current_dir && has_nul(*s.current_dir))
    return invalid("directory: NUL byte");
  if (std::string mistake = mistake_in(s.process); !mistake.empty())
    return invalid(std::move(mistake));
  const bool leads_session = s.session_leader || s.process.controlling_terminal;
  if (leads_session && s.process_group.value_or(0) != 0)
    return invalid("session leader in a foreign process group");
  if (std::string mistake = mistake_in_listening(s); !mistake.empty())
    return invalid(std::move(mistake));
  if (s.process_group.value_or(0) != 0 && std::ranges::any_of(s.streams, is_terminal))
    return invalid("pty in a foreign process group");
  for (const auto& mapping : s.mappings)
    if (mapping.child_fd < 3 || mapping.child_fd == INT_MAX)
      return invalid("map_fd onto " + std::to_string(mapping.child_fd));
  for (const int stream : {0, 1})
    if (s.streams[stream] && std::holds_alternative<stdio::as_stdout>(s.streams[stream]->get()))
      return invalid(std::string("to_stdout for ") + stream_names[stream]);
  for (const int stream : {1, 2})
    if (s.streams[stream] && std::holds_alternative<stdio::text>(s.streams[stream]->get()))
      return invalid(std::string("from_string for ") + stream_names[stream]);
  return {};
}

// The number of a closed descriptor may be given to one that is opened for the
// launch, and the child would get that instead of an error.
spawn_failure launch_plan::check_descriptors() const
{
  for (int stream = 0; stream < 3; ++stream)
    if (const auto& chosen = settings_.streams[stream])
      if (const auto* given = std::get_if<stdio::descriptor>(&chosen->get()))
        if (::fcntl(given->fd, F_GETFD) == -1)
          return explain({spawn_step::stdio, stream, errno});
  for (std::size_t i = 0; i < settings_.mappings.size(); ++i)
    if (::fcntl(settings_.mappings[i].parent_fd, F_GETFD) == -1)
      return explain({spawn_step::map_fd, static_cast<int>(i), errno});
  if (const child_failure refused = check_other_descriptors(settings_); refused.error)
    return explain(refused);
  return {};
}

// The gaps between the targets, and all above the last of them.
void launch_plan::plan_unneeded()
{
  if (settings_.keep_all_fds)
    return;
  std::vector<unsigned> targets = {2};
  for (const auto& mapping : settings_.mappings)
    targets.push_back(static_cast<unsigned>(mapping.child_fd));
  std::ranges::sort(targets);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const unsigned first = targets[i] + 1;
    const unsigned last = i + 1 < targets.size() ? targets[i + 1] : UINT_MAX;
    if (last == UINT_MAX || first < last)
      unneeded_.push_back({first, last == UINT_MAX ? last : last - 1});
  }
  plan_.unneeded = unneeded_.data();
  plan_.unneeded_count = unneeded_.size();
}

spawn_failure launch_plan::prepare_credentials()
{
  const auto& s = settings_;
  plan_.new_session = s.makes_session();
  // A session leader leads its group already, and may not be moved.
  if (s.process_group && !plan_.new_session)
    plan_.group = &*s.process_group;
  plan_.directory = s.current_dir ? s.current_dir->c_str() : nullptr;
  plan_.hooks = s.hooks.data();
  plan_.hook_count = s.hooks.size();
  const credentials_plan::failure refused = credentials_.prepare(s, plan_);
  if (!refused.error)
    return {};
  spawn_failure told = fail(spawn_step::prepare, refused.error, refused.name);
  if (refused.is_unknown)
    told.hint = "unknown";
  return told;
}

// A refused namespace looks like a refused launcher, which has another remedy.
spawn_failure launch_plan::fail_to_make(int error) const
{
  const bool asked = settings_.process.namespaces & static_cast<unsigned>(new_namespace::pid);
  if (asked && error != EAGAIN && error != ENOMEM && error != EMFILE && error != ENFILE)
    return explain({spawn_step::namespaces, making_them, error});
  return fail(spawn_step::fork, error);
}

const char* launch_plan::reason_for_own_memory() const noexcept
{
  if (!settings_.hooks.empty())
    return "a pre_exec hook";
  const process_options& process = settings_.process;
  if (plan_.uid || plan_.gid || plan_.set_groups || process.namespaces || process.root ||
      !process.ambient_capabilities.empty())
    return "less privilege";
  // The kernel gives all who share memory one value of it.
  return process.oom_score_adj ? "an oom_score_adj" : nullptr;
}

child_plan launch_plan::for_child(std::vector<fd_move>& moves) const
{
  child_plan plan = plan_;
  moves = moves_;
  plan.moves = moves.data();
  plan.move_count = moves.size();
  plan.made = made_.data();
  plan.made_count = made_.size();
  plan.opens_files = std::ranges::find(made_, made_stream::kind::file, &made_stream::what) != made_.end();
  return plan;
}

spawn_failure launch_plan::explain(const child_failure& failure) const
{
  const auto& s = settings_;
  const auto item = static_cast<std::size_t>(failure.item);
  std::string detail;
  switch (failure.step) {
  case spawn_step::stdio:
  case spawn_step::pty:
    if (item < 3)
      detail = stream_names[item];
    break;
  case spawn_step::map_fd:
    if (item < s.mappings.size()) {
      const auto& mapping = s.mappings[item];
      detail = std::to_string(mapping.parent_fd) + "→" + std::to_string(mapping.child_fd);
    }
    break;
  case spawn_step::setpgid:
    if (s.process_group)
      detail = std::to_string(*s.process_group);
    break;
  case spawn_step::setgid:
    if (plan_.gid)
      detail = std::to_string(*plan_.gid);
    break;
  case spawn_step::setuid:
    if (plan_.uid)
      detail = std::to_string(*plan_.uid);
    break;
  case spawn_step::chdir:
    if (s.current_dir)
      detail = in_quotes(*s.current_dir);
    break;
  case spawn_step::pre_exec:
    if (s.hooks.size() > 1)
      detail = "hook " + std::to_string(item + 1);
    break;
  case spawn_step::open_file:
    if (item < 3)
      detail = describe_made(chosen(failure.item), failure.item);
    break;
  case spawn_step::exec:
    if (s.program_fd)
      detail = "descriptor " + std::to_string(*s.program_fd);
    break;
  default: detail = describe(s.process, failure); break;
  }
  spawn_failure told = fail(failure.step, failure.error, std::move(detail));
  if (failure.step == spawn_step::exec && failure.item == missing_interpreter)
    told.hint = "its interpreter?";
  return told;
}

} // namespace subprocess::detail
