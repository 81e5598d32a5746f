#include <subprocess/detail/streams/capture_command.hpp>

#include <utility>

namespace subprocess::detail {

command capture_command(command what, const capture_options& options)
{
  if (options.input)
    what.stdin_from(stdio::from_string(*options.input));
  if (options.merge_stderr)
    what.stderr_to(stdio::to_stdout());
  return what;
}

} // namespace subprocess::detail
