#include <subprocess/spawn.hpp>

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <subprocess/detail/child/child_main.hpp>
#include <subprocess/detail/launch/child_parts.hpp>
#include <subprocess/detail/launch/launcher.hpp>
#include <subprocess/detail/process/orphans.hpp>
#include <subprocess/detail/child/signal_guard.hpp>

namespace subprocess {
namespace detail {

// The path must mean the same when the program has changed its directory.
kin kin_of(const command::settings& what)
{
  kin relatives{what.makes_group(), {}};
  std::error_code ignored; // Then it stays relative.
  if (const auto* directory = std::get_if<std::filesystem::path>(&what.process.cgroup))
    relatives.cgroup = std::filesystem::absolute(*directory, ignored);
  return relatives;
}

child_parts spawn_parts(const command& what, const stream_defaults& defaults, spawn_failure& failure)
{
  reap_orphans();
  child_parts parts;
  launch_plan plan(what, defaults, failure);
  if (failure)
    return parts;
  launched_child launched;
  const auto started = process::clock::now();
  failure = launch(plan, launched);
  if (failure)
    return parts;
  parts.handle = std::make_shared<process>(launched.pid, std::move(launched.pidfd), started, kin_of(what.get()));
  std::ranges::move(plan.ours, parts.pipes);
  parts.used = launched.used;
  parts.kill_on_destroy = what.get().kill_on_destroy;
  return parts;
}

} // namespace detail

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
  if (failure)
    return failure.code;
  if (std::ranges::any_of(plan.ours, [](const unique_fd& end) { return static_cast<bool>(end); }))
    return {EINVAL, std::system_category()};

  detail::child_plan& in_place = plan.for_child();
  in_place.in_place = true;
  in_place.options.parent = ::getppid();
  const detail::signal_guard guard; // Also puts the mask back after a failure.
  const int error = detail::become_program(in_place).error;
  for (const detail::fd_move& move : std::span(in_place.moves, in_place.move_count))
    if (move.lift && move.source >= in_place.above_targets)
      ::close(move.source);
  return {error, std::system_category()};
}

} // namespace subprocess
