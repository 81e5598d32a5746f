#include <subprocess/capture.hpp>

#include <utility>

#include <subprocess/detail/failures.hpp>
#include <subprocess/detail/streams/capture_command.hpp>
#include <subprocess/detail/streams/captured_child.hpp>

namespace subprocess {
namespace {

captured_output capture_plain(const command& what, const capture_options& options, spawn_failure& failure, bool& ran)
{
  const auto deadline = options.limit.deadline_from(time_limit::clock::now());
  detail::captured_child child(what, detail::outputs::kept, options, failure, deadline);
  ran = !failure;
  if (failure) {
    detail::add_limit(failure, options.limit);
    return {};
  }
  detail::read_to_end({&child, 1}, options, deadline, failure);
  return child.finish(failure);
}

/// \param ran  Whether there was a program.
captured_output capture_all(const command& what, const capture_options& options, spawn_failure& failure, bool& ran)
{
  if (options.input || options.merge_stderr)
    return capture_plain(detail::capture_command(what, options), options, failure, ran);
  return capture_plain(what, options, failure, ran);
}

} // namespace

captured_output capture(const command& what, const capture_options& options, std::error_code& ec)
{
  spawn_failure own;
  spawn_failure& failure = options.failure ? *options.failure : own;
  bool ran = false;
  captured_output output = capture_all(what, options, failure, ran);
  ec = failure.code;
  return output;
}

captured_output capture(const command& what, std::error_code& ec)
{
  return capture(what, {}, ec);
}

captured_output capture(const command& what, const capture_options& options)
{
  spawn_failure own;
  spawn_failure& failure = options.failure ? *options.failure : own;
  bool ran = false;
  captured_output output = capture_all(what, options, failure, ran);
  if (failure && ran)
    throw capture_error(failure, std::move(output));
  if (failure)
    throw spawn_error(failure);
  return output;
}

} // namespace subprocess
