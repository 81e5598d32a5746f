#pragma once

#include <cerrno>
#include <chrono>
#include <memory>
#include <system_error>

#include <subprocess/detail/process/group_stop.hpp>
#include <subprocess/detail/process/process.hpp>
#include <subprocess/stop_sequence.hpp>

namespace subprocess::detail {

/// Ends a child: each signal of the sequence, its grace, in the end SIGKILL; and
/// reaps it.
/// \param ends_within  Blocks for as long as it is given, in nanoseconds, or until
///                     the child has ended; tells whether it has.
/// \return             `EINVAL`: a group that is none. `EPERM`: the child may not be
///                     signalled. `ECHILD`: it is lost.
template <class EndsWithin>
std::error_code stop_by(const std::shared_ptr<process>& child, const stop_sequence& sequence, EndsWithin ends_within)
{
  // Ended in the meantime, which the wait tells.
  const auto is_refused = [](std::error_code ec) { return ec && ec != std::errc::invalid_argument; };

  std::error_code ec;
  const group_stop group(child, sequence, ec);
  if (ec)
    return ec;
  for (const stop_step& step : sequence.steps) {
    ec = child->ask_to_end(sequence.whom, step.signal);
    if (is_refused(ec))
      return ec;
    if (ends_within(step.grace))
      return error_of(child->current());
  }
  ec = child->kill(sequence.whom);
  return is_refused(ec) ? ec : error_of(child->reap());
}

} // namespace subprocess::detail
