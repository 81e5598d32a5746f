#pragma once

#include <sys/types.h>

#include <mutex>

#include <subprocess/command.hpp>
#include <subprocess/detail/launch/launch_plan.hpp>
#include <subprocess/detail/launch/outcome.hpp>
#include <subprocess/detail/process/process.hpp>

namespace subprocess::detail {

/// A child that was made and may not be a program yet.
struct started_child {
  pid_t pid = -1;
  unique_fd pidfd;   // Empty when the launcher has none to give.
  unique_fd outcome; // For an outcome_reader.
};

/// Whoever makes an outcome pipe holds this until its write end is closed in the
/// parent. A child that is forked meanwhile would get a copy, and one with a slow
/// hook would keep another launch waiting for its end. It is held for as long as
/// a fork takes, so an event loop only tries.
std::mutex& outcome_pipe_lock() noexcept;

/// A pipe whose write end the child keeps until it is a program, whatever
/// descriptors it is given. Returns 0 or an errno.
int make_outcome_pipe(launch_plan& plan, unique_fd& read_end, unique_fd& write_end, int flags = 0) noexcept;

/// The portable launcher: fork() and a close-on-exec pipe.
/// \return 0, or the errno of `spawn_step::fork`.
int start_by_fork(launch_plan& plan, started_child& child) noexcept;

/// The launcher that a command gets.
/// \param failure  Set when the command asks for one that cannot do it.
launcher choose_launcher(const launch_plan& plan, spawn_failure& failure);

/// Whether a failed launch by clone() may be tried again by fork().
bool may_fall_back(const launch_plan& plan, const spawn_failure& failure) noexcept;

/// A child that runs its program.
struct launched_child {
  pid_t pid = -1;
  unique_fd pidfd;
  launcher used = launcher::fork;
};

/// Makes the child and waits until it is a program or has failed; one that
/// failed is reaped.
spawn_failure launch(launch_plan& plan, launched_child& child);

/// The failure that an outcome means, if any.
spawn_failure failure_of(const launch_plan& plan, const outcome_reader& reader, outcome_reader::result result);

} // namespace subprocess::detail
