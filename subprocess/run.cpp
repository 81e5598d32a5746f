#include <subprocess/spawn.hpp>

#include <cerrno>
#include <utility>

#include <subprocess/detail/streams/captured_child.hpp>

namespace subprocess {
namespace {

// The limit is what went wrong, whatever else does while the child is ended.
exit_status out_of_time(detail::captured_child& child, const stop_sequence& sequence, std::error_code& ec)
{
  child.stop(sequence);
  ec.assign(ETIMEDOUT, std::system_category());
  return {};
}

/// A capture that keeps nothing. With no stream to read, it only waits.
exit_status run(const command& what, time_limit limit, spawn_failure& failure, std::error_code& ec)
{
  const auto deadline = limit.deadline_from(time_limit::clock::now());
  const capture_options nothing = detail::nothing();
  detail::captured_child child(what, detail::outputs::dropped, nothing, failure, deadline);
  ec = failure.code;
  if (failure)
    return {};
  if (deadline && !child.ends_by(*deadline))
    return out_of_time(child, what.get().stop, ec);
  detail::read_all({&child, 1}, nothing);
  return child.finish(ec).status;
}

} // namespace

exit_status run(const command& what, time_limit limit, std::error_code& ec)
{
  spawn_failure failure;
  return run(what, limit, failure, ec);
}

exit_status run(const command& what, std::error_code& ec)
{
  return run(what, {}, ec);
}

exit_status run(const command& what, time_limit limit)
{
  spawn_failure failure;
  std::error_code ec;
  const exit_status status = run(what, limit, failure, ec);
  if (failure)
    throw spawn_error(std::move(failure));
  if (ec)
    throw std::system_error(ec, "run " + to_string(what));
  return status;
}

exit_status run(const command& what)
{
  return run(what, time_limit());
}

} // namespace subprocess
