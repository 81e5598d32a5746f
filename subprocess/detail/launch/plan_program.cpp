#include <subprocess/detail/launch/plan_program.hpp>

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>

#include <subprocess/command_settings.hpp>
#include <subprocess/detail/launch/own_environment.hpp>
#include <subprocess/program_search.hpp>

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

// LISTEN_PID has room for a number.
environment_changes with_listening(const command::settings& asked)
{
  environment_changes changed = asked.environment;
  changed.set("LISTEN_FDS", std::to_string(asked.listen_count));
  changed.set("LISTEN_FDNAMES", joined(asked.listen_names));
  changed.set("LISTEN_PID", std::string(20, '0'));
  return changed;
}

bool is_childs(int fd, const command::settings& asked)
{
  return asked.keep_all_fds || (fd >= 0 && fd < 3) ||
         std::ranges::any_of(asked.mappings, [&](const auto& mapping) { return mapping.child_fd == fd; });
}

std::size_t size_with_ends(std::span<const std::string_view> entries)
{
  std::size_t size = 0;
  for (const std::string_view entry : entries)
    size += entry.size() + 1;
  return size;
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
  return asked.listen_count ? with_listening(asked).apply(own_environment())
                            : asked.environment.apply(own_environment());
}

void program_plan::prepare(const command::settings& asked, child_plan& planned)
{
  planned.program_fd = asked.program_fd.value_or(-1);
  const environment_changes listening = asked.listen_count ? with_listening(asked) : environment_changes();
  const auto entries = (asked.listen_count ? listening : asked.environment).view(own_environment());
  if (!asked.program_fd)
    candidates_ =
        program_candidates(asked.program, asked.searched == path_from::child
                                              ? find_variable(entries, "PATH")
                                              : find_variable(environment_changes().view(own_environment()), "PATH"));
  lay_out(asked, entries, planned);
  planned.text_busy_retries =
      static_cast<unsigned>(std::clamp<std::int64_t>(asked.text_busy_limit.count(), 0, UINT_MAX));
  for (char* const* entry = planned.envp; asked.listen_count && *entry; ++entry)
    if (std::string_view(*entry).starts_with(listen_pid))
      planned.listen_pid = *entry + listen_pid.size();
}

// The environment is copied: another thread may change it while the child is on its
// way.
void program_plan::lay_out(const command::settings& asked, std::span<const std::string_view> environment,
                           child_plan& planned)
{
  const std::size_t argv_size = asked.args.size() + 2;
  pointers_.reserve(2 * argv_size + environment.size() + candidates_.size() + 3);
  const auto add = [&](const char* text) { pointers_.push_back(text); };
  const auto add_all = [&](const std::vector<std::string>& texts) {
    for (const std::string& text : texts)
      add(text.c_str());
    add(nullptr);
  };

  add(asked.arg0 ? asked.arg0->c_str() : asked.program.c_str());
  add_all(asked.args);
  const std::size_t envp = pointers_.size();
  environment_ = std::make_unique_for_overwrite<char[]>(size_with_ends(environment));
  char* place = environment_.get();
  for (const std::string_view entry : environment) {
    add(place);
    place += entry.copy(place, entry.size());
    *place++ = '\0';
  }
  add(nullptr);
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
