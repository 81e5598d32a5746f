#pragma once

#include <memory>
#include <optional>

#include <subprocess/command.hpp>
#include <subprocess/detail/process/process.hpp>
#include <subprocess/error.hpp>
#include <subprocess/unique_fd.hpp>

namespace subprocess::detail {

struct stream_defaults;

/// A child that was launched, before it is anybody's.
struct child_parts {
  std::shared_ptr<process> handle;
  unique_fd pipes[4]; // The last is the pseudo-terminal.
  launcher used = launcher::automatic;
  std::optional<bool> kill_on_destroy;
};

/// Spawns a child; blocks until it is a program or has failed.
/// \param deadline  Then it is killed, and the failure is `ETIMEDOUT`.
child_parts spawn_parts(const command& what, const stream_defaults& defaults, spawn_failure& failure,
                        std::optional<process::clock::time_point> deadline = std::nullopt);

} // namespace subprocess::detail
