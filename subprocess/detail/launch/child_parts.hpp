#pragma once

#include <memory>

#include <subprocess/command.hpp>
#include <subprocess/detail/process/process.hpp>
#include <subprocess/error.hpp>
#include <subprocess/unique_fd.hpp>

namespace subprocess::detail {

class launch_plan;
struct stream_defaults;

/// A child that runs its program, before it is anybody's.
struct child_parts {
  std::shared_ptr<process> handle;
  unique_fd pipes[4]; // The last is the pseudo-terminal.
  launcher used = launcher::automatic;
  std::optional<bool> kill_on_destroy;
};

/// What can be ended along with the child of such a command.
kin kin_of(const command::settings& what);

/// Spawns a child; blocks until it is a program or has failed.
child_parts spawn_parts(const command& what, const stream_defaults& defaults, spawn_failure& failure);

} // namespace subprocess::detail
