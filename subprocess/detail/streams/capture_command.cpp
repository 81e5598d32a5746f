#include <subprocess/detail/streams/capture_command.hpp>

#include <algorithm>
#include <optional>
#include <utility>

#include <subprocess/command_settings.hpp>
#include <subprocess/stdio_target.hpp>

namespace subprocess::detail {
namespace {

bool is_pseudo_terminal(const std::optional<stdio>& stream) noexcept
{
  return stream && std::holds_alternative<stdio::pseudo_terminal>(stream->get());
}

bool is_pipe(const std::optional<stdio>& stream) noexcept
{
  return stream && std::holds_alternative<stdio::new_pipe>(stream->get());
}

} // namespace

command capture_command(command what, const capture_options& options)
{
  if (options.input)
    what.stdin_from(stdio::from_string(*options.input));
  if (options.merge_stderr)
    what.stderr_to(stdio::to_stdout());
  return what;
}

bool expects_somebody(const command& what) noexcept
{
  return is_pipe(what.get().streams[0]) || std::ranges::any_of(what.get().streams, is_pseudo_terminal);
}

// The first stream that says so makes the terminal for all of them. The null device
// ends as a pipe does that is closed at once, also when a fork of the program has got
// a copy of the end to be closed.
command unattended(command what)
{
  const auto& [in, out, err] = what.get().streams;
  if (is_pipe(in))
    what.stdin_from(stdio::null());
  else if (is_pseudo_terminal(in))
    what.stdin_from(without_input(*in));
  if (is_pseudo_terminal(out))
    what.stdout_to(without_input(*out));
  if (is_pseudo_terminal(err))
    what.stderr_to(without_input(*err));
  return what;
}

} // namespace subprocess::detail
