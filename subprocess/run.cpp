#include <subprocess/spawn.hpp>

#include <subprocess/detail/failures.hpp>
#include <subprocess/detail/streams/captured_child.hpp>
#include <subprocess/detail/told_failure.hpp>

namespace subprocess {
namespace {

/// A capture that keeps nothing. With no stream to read, it only waits.
exit_status run_to_end(const command& what, const time_limit& limit, spawn_failure& failure)
{
  const auto deadline = limit.deadline_from(time_limit::clock::now());
  capture_options nothing = detail::nothing();
  nothing.limit = limit;
  detail::captured_child child(what, detail::outputs::dropped, nothing, failure, deadline);
  if (failure) {
    detail::add_limit(failure, limit);
    return {};
  }
  detail::read_to_end({&child, 1}, nothing, deadline, failure);
  const exit_status status = child.finish(failure).status;
  return failure ? exit_status() : status;
}

} // namespace

exit_status run(const command& what, const run_options& options, std::error_code& ec)
{
  detail::told_failure failure(options.failure);
  const exit_status status = run_to_end(what, options.limit, failure);
  ec = failure.code();
  return status;
}

exit_status run(const command& what, std::error_code& ec)
{
  return run(what, {}, ec);
}

exit_status run(const command& what, const run_options& options)
{
  detail::told_failure failure(options.failure);
  const exit_status status = run_to_end(what, options.limit, failure);
  failure.or_throw();
  return status;
}

} // namespace subprocess
