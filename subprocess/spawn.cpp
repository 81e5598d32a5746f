#include <subprocess/spawn.hpp>

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <subprocess/detail/child/child_main.hpp>
#include <subprocess/detail/child/signal_guard.hpp>
#include <subprocess/detail/launch/child_parts.hpp>
#include <subprocess/detail/launch/launch_plan.hpp>

namespace subprocess {

child spawn(const command& what, spawn_failure& failure)
{
  detail::child_parts parts = spawn_parts(what, detail::stream_defaults::inherit(), failure);
  return failure ? child() : child(std::move(parts));
}

child spawn(const command& what, std::error_code& ec)
{
  spawn_failure failure;
  child started = spawn(what, failure);
  ec = failure.code;
  return started;
}

child spawn(const command& what)
{
  spawn_failure failure;
  child started = spawn(what, failure);
  if (failure)
    throw spawn_error(std::move(failure));
  return started;
}

std::error_code exec(const command& what)
{
  spawn_failure failure;
  detail::launch_plan plan(what, detail::stream_defaults::inherit(), failure);
  if (!failure)
    failure = plan.open_ends();
  if (failure)
    return failure.code;
  if (std::ranges::any_of(plan.ours, [](const unique_fd& end) { return static_cast<bool>(end); }))
    return {EINVAL, std::system_category()};

  std::vector<detail::fd_move> moves;
  detail::child_plan in_place = plan.for_child(moves);
  in_place.in_place = true;
  in_place.options.parent = ::getppid();
  if (in_place.options.dies_with_program) // It is the program.
    in_place.options.parent_death_signal = nullptr;
  detail::child_report report;
  const detail::signal_guard guard; // Also puts the mask back after a failure.
  in_place.guard = &guard;
  return {detail::become_program(in_place, report).error, std::system_category()};
}

} // namespace subprocess
