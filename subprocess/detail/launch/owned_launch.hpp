#pragma once

#include <memory>
#include <utility>

#include <subprocess/command.hpp>
#include <subprocess/detail/launch/clone_launcher.hpp>
#include <subprocess/detail/launch/launch_plan.hpp>

namespace subprocess::detail {

/// A launch that owns all that its child may read, for a child that runs beside
/// its parent.
struct owned_launch {
  owned_launch(command copied, const stream_defaults& defaults, spawn_failure& failure)
      : what(std::move(copied)), plan(what, defaults, failure)
  {
  }

  /// Closes what only the child needs, the command's own descriptors too. It must
  /// have been made, or never be.
  void close_theirs();

  command what;
  launch_plan plan;
  shared_launch shared;
};

/// Frees a launch when no child reads it any more: now, or on a later occasion
/// of this kind.
struct dispose_launch {
  void operator()(owned_launch* launch) const noexcept;
};

/// The last of them calls dispose_launch.
using launch_pointer = std::shared_ptr<owned_launch>;

template <class... Args>
launch_pointer make_launch(Args&&... args)
{
  return {new owned_launch(std::forward<Args>(args)...), dispose_launch()};
}

} // namespace subprocess::detail
