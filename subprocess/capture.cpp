#include <subprocess/capture.hpp>

#include <utility>

#include <subprocess/detail/streams/capture_command.hpp>
#include <subprocess/detail/streams/captured_child.hpp>

namespace subprocess {
namespace {

captured_output capture(const command& what, const capture_options& options, spawn_failure& failure,
                        std::error_code& ec)
{
  detail::captured_child child(what, detail::outputs::kept, options, failure);
  ec = failure.code;
  if (failure)
    return {};
  const int error = detail::read_all({&child, 1}, options);
  captured_output output = child.finish(ec);
  if (error && !ec)
    ec.assign(error, std::system_category());
  return output;
}

captured_output capture_with(const command& what, const capture_options& options, spawn_failure& failure,
                             std::error_code& ec)
{
  if (options.input || options.merge_stderr)
    return capture(detail::capture_command(what, options), options, failure, ec);
  return capture(what, options, failure, ec);
}

} // namespace

captured_output capture(const command& what, const capture_options& options, std::error_code& ec)
{
  spawn_failure failure;
  return capture_with(what, options, failure, ec);
}

captured_output capture(const command& what, std::error_code& ec)
{
  return capture(what, {}, ec);
}

captured_output capture(const command& what, const capture_options& options)
{
  spawn_failure failure;
  std::error_code ec;
  captured_output output = capture_with(what, options, failure, ec);
  if (failure)
    throw spawn_error(std::move(failure));
  if (ec)
    throw capture_error(ec, std::move(output));
  return output;
}

} // namespace subprocess
