#include <subprocess/detail/launch/launcher.hpp>

#include <atomic>
#include <cerrno>
#include <csignal>

#include <subprocess/detail/launch/clone_launcher.hpp>
#include <subprocess/detail/streams/pipe.hpp>

namespace subprocess::detail {
namespace {

// Whether the kernel, or the sandbox around us, has refused clone3() before.
std::atomic<bool> clone_refused = false;

void end(started_child& child) noexcept
{
  process failed(std::exchange(child.pid, -1), std::move(child.pidfd));
  failed.signal(SIGKILL); // It is ending, unless something else wrote to its pipe.
  failed.reap();
}

spawn_failure launch_by_fork(launch_plan& plan, started_child& child)
{
  const int error = start_by_fork(plan, child);
  plan.close_theirs();
  if (error)
    return plan.fail(spawn_step::fork, error);
  outcome_reader reader;
  spawn_failure failure = failure_of(plan, reader, reader.read(child.outcome.get()));
  if (failure)
    end(child);
  return failure;
}

spawn_failure launch_by_clone(launch_plan& plan, started_child& child)
{
  child_failure told{};
  const int error = clone_and_wait(plan, child, told);
  if (error)
    return plan.fail_to_make(error);
  plan.close_theirs();
  if (!told.error)
    return {};
  end(child);
  return plan.explain(told);
}

} // namespace

launcher choose_launcher(const launch_plan& plan, spawn_failure& failure)
{
  const bool has_hooks = !plan.settings().hooks.empty();
  switch (plan.settings().which) {
  case launcher::fork: return launcher::fork;
  case launcher::clone:
    if (has_hooks)
      failure = plan.fail(spawn_step::prepare, EINVAL, "launcher clone with a pre_exec hook");
    return launcher::clone;
  case launcher::automatic: break;
  }
  return has_hooks || clone_refused ? launcher::fork : launcher::clone;
}

std::mutex& outcome_pipe_lock() noexcept
{
  static std::mutex* const lock = new std::mutex; // Launches may outlast main().
  return *lock;
}

int make_outcome_pipe(launch_plan& plan, unique_fd& read_end, unique_fd& write_end, int flags) noexcept
{
  if (const int error = make_pipe(read_end, write_end, flags))
    return error;
  const int error = plan.is_target(write_end.get()) ? lift(write_end, plan.for_child().above_targets) : 0;
  plan.for_child().outcome = write_end.get();
  return error;
}

bool may_fall_back(const launch_plan& plan, const spawn_failure& failure) noexcept
{
  const int error = failure.code.value();
  if (failure.step != spawn_step::fork || (error != ENOSYS && error != EPERM && error != EINVAL))
    return false;
  clone_refused = true;
  return plan.settings().which == launcher::automatic;
}

spawn_failure failure_of(const launch_plan& plan, const outcome_reader& reader, outcome_reader::result result)
{
  if (result == outcome_reader::result::failed)
    return plan.explain(reader.failure());
  if (result == outcome_reader::result::garbled)
    return plan.fail(spawn_step::fork, EPROTO, "outcome of the child");
  return {};
}

spawn_failure launch(launch_plan& plan, launched_child& child)
{
  spawn_failure failure;
  child.used = choose_launcher(plan, failure);
  if (failure)
    return failure;
  started_child started;
  if (child.used == launcher::clone) {
    failure = launch_by_clone(plan, started);
    if (failure && may_fall_back(plan, failure))
      child.used = launcher::fork;
  }
  if (child.used == launcher::fork)
    failure = launch_by_fork(plan, started);
  if (failure)
    return failure;
  child.pid = started.pid;
  child.pidfd = std::move(started.pidfd);
  return {};
}

} // namespace subprocess::detail
