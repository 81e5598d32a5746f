#include <subprocess/detail/plan_program.hpp>

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include <subprocess/program_search.hpp>

extern char** environ;

namespace subprocess::detail {
namespace {

constexpr std::string_view listen_pid = "LISTEN_PID=";

std::string joined(const std::vector<std::string>& names)
{
  std::string text;
  for (const std::string& name : names)
    text.append(text.empty() ? "" : ":").append(name);
  return text;
}

std::optional<std::string_view> parents_path()
{
  for (const char* const* entry = environ; entry && *entry; ++entry)
    if (const std::string_view text = *entry; text.starts_with("PATH="))
      return text.substr(5);
  return std::nullopt;
}

bool is_overwritten(int fd, const command::settings& asked)
{
  return fd < 3 ||
         std::ranges::any_of(
             asked.mappings, [&](const auto& mapping) { return mapping.child_fd == fd && mapping.parent_fd != fd; });
}

bool is_childs(int fd, const command::settings& asked)
{
  return asked.keep_all_fds || (fd >= 0 && fd < 3) ||
         std::ranges::any_of(asked.mappings, [&](const auto& mapping) { return mapping.child_fd == fd; });
}

bool may_be_in_list(unsigned char c)
{
  return c >= ' ' && c != ':' && c != 127; // LISTEN_FDNAMES knows no quotes.
}

} // namespace

std::string mistake_in_listening(const command::settings& asked)
{
  if (asked.listen_names.size() != asked.listen_count)
    return std::to_string(asked.listen_names.size()) + " names for " + std::to_string(asked.listen_count) +
           " listen_fds";
  for (const std::string& name : asked.listen_names)
    if (name.empty() || !std::ranges::all_of(name, may_be_in_list))
      return "name of listen_fds \"" + name + '"';
  return {};
}

child_failure check_other_descriptors(const command::settings& asked)
{
  const auto& process = asked.process;
  if (asked.program_fd && ::fcntl(*asked.program_fd, F_GETFD) == -1)
    return {spawn_step::exec, 0, errno};
  const int* const cgroup = std::get_if<int>(&process.cgroup);
  if (cgroup && ::fcntl(*cgroup, F_GETFD) == -1)
    return {spawn_step::cgroup, 0, errno};
  if (process.controlling_terminal && !is_childs(*process.controlling_terminal, asked))
    return {spawn_step::controlling_terminal, 0, EBADF};
  if (process.foreground && !is_childs(*process.foreground, asked))
    return {spawn_step::foreground, 0, EBADF};
  return {};
}

std::vector<std::string> environment_of(const command::settings& asked)
{
  if (asked.listen_count == 0)
    return asked.environment.apply(environ);
  environment_changes all = asked.environment;
  all.set("LISTEN_FDS", std::to_string(asked.listen_count));
  all.set("LISTEN_FDNAMES", joined(asked.listen_names));
  all.set("LISTEN_PID", std::string(20, '0'));
  return all.apply(environ);
}

child_failure program_plan::prepare(const command::settings& asked, child_plan& planned)
{
  if (const child_failure failure = find_descriptor(asked, planned); failure.error)
    return failure;
  environment_ = environment_of(asked);
  if (!asked.program_fd)
    candidates_ = program_candidates(
        asked.program, asked.searched == path_from::child ? find_variable(environment_, "PATH") : parents_path());
  lay_out(asked, planned);
  planned.text_busy_retries = static_cast<unsigned>(std::max<std::int64_t>(asked.text_busy_limit.count(), 0));
  if (asked.listen_count)
    planned.listen_pid =
        std::ranges::find_if(environment_, [](const std::string& entry) { return entry.starts_with(listen_pid); })
            ->data() +
        listen_pid.size();
  return {};
}

// The child keeps it until the exec, and what is put in its place comes before.
child_failure program_plan::find_descriptor(const command::settings& asked, child_plan& planned)
{
  if (!asked.program_fd)
    return {};
  planned.program_fd = *asked.program_fd;
  if (!is_overwritten(planned.program_fd, asked))
    return {};
  int above_targets = 3;
  for (const auto& mapping : asked.mappings)
    above_targets = std::max(above_targets, mapping.child_fd + 1);
  planned.program_fd = ::fcntl(planned.program_fd, F_DUPFD_CLOEXEC, above_targets);
  const int error = planned.program_fd == -1 ? errno : 0;
  program_.reset(planned.program_fd);
  return {spawn_step::exec, 0, error};
}

void program_plan::lay_out(const command::settings& asked, child_plan& planned)
{
  const std::size_t argv_size = asked.args.size() + 2;
  pointers_.reserve(2 * argv_size + environment_.size() + candidates_.size() + 3);
  const auto add = [&](const char* text) { pointers_.push_back(text); };
  const auto add_all = [&](const std::vector<std::string>& texts) {
    for (const std::string& text : texts)
      add(text.c_str());
    add(nullptr);
  };

  add(asked.arg0 ? asked.arg0->c_str() : asked.program.c_str());
  add_all(asked.args);
  const std::size_t envp = pointers_.size();
  add_all(environment_);
  const std::size_t candidates = pointers_.size();
  add_all(candidates_);
  const std::size_t shell = pointers_.size();
  add("/bin/sh");
  add(nullptr);
  add_all(asked.args);

  planned.argv = const_cast<char* const*>(pointers_.data());
  planned.envp = const_cast<char* const*>(pointers_.data() + envp);
  planned.candidates = pointers_.data() + candidates;
  planned.shell_argv = asked.shell_fallback ? pointers_.data() + shell : nullptr;
}

} // namespace subprocess::detail
