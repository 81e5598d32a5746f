#include <subprocess/capture.hpp>

#include <subprocess/detail/failures.hpp>
#include <subprocess/detail/streams/capture_command.hpp>
#include <subprocess/detail/streams/captured_child.hpp>
#include <subprocess/detail/told_failure.hpp>

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
  detail::told_failure failure(options.failure);
  bool ran = false;
  captured_output output = capture_all(what, options, failure, ran);
  ec = failure.code();
  return output;
}

captured_output capture(const command& what, std::error_code& ec)
{
  return capture(what, {}, ec);
}

captured_output capture(const command& what, const capture_options& options)
{
  detail::told_failure failure(options.failure);
  bool ran = false;
  captured_output output = capture_all(what, options, failure, ran);
  failure.or_throw<capture_error>(ran, output);
  return output;
}

} // namespace subprocess
