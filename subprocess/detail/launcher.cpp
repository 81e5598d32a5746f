#include <subprocess/detail/launcher.hpp>

#include <cerrno>
#include <csignal>

namespace subprocess::detail {

launcher choose_launcher(const launch_plan& plan, spawn_failure& failure)
{
  if (plan.settings().which == launcher::clone)
    failure = plan.fail(spawn_step::fork, ENOSYS, "launcher clone");
  return launcher::fork;
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
  const int error = start_by_fork(plan, started);
  plan.close_theirs();
  if (error)
    return plan.fail(spawn_step::fork, error);

  outcome_reader reader;
  failure = failure_of(plan, reader, reader.read(started.outcome.get()));
  if (failure) {
    process failed(started.pid, std::move(started.pidfd));
    failed.signal(SIGKILL); // It is ending, unless something else wrote to the pipe.
    failed.reap();
    return failure;
  }
  child.pid = started.pid;
  child.pidfd = std::move(started.pidfd);
  return {};
}

} // namespace subprocess::detail
