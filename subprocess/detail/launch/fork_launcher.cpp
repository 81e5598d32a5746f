#include <subprocess/detail/launch/launcher.hpp>

#include <unistd.h>

#include <cerrno>

#include <subprocess/detail/child/child_main.hpp>
#include <subprocess/detail/child/signal_guard.hpp>

namespace subprocess::detail {
namespace {

[[noreturn]] void child_of_fork(launch_plan& plan, int outcome) noexcept
{
  const child_failure failure = become_program(plan.for_child());
  const outcome_message message{failure.error, static_cast<int>(failure.step), failure.item, outcome_message::whole};
  raw::write(outcome, &message, sizeof message);
  raw::exit(127);
}

} // namespace

int start_by_fork(launch_plan& plan, started_child& child) noexcept
{
  unique_fd read_end;
  const std::lock_guard alone(outcome_pipe_lock());
  unique_fd write_end; // Closed before the lock is given up.
  if (const int error = make_outcome_pipe(plan, read_end, write_end))
    return error;

  pid_t pid;
  int error;
  {
    const signal_guard guard;
    pid = ::fork();
    error = pid == -1 ? errno : 0;
    if (pid == 0)
      child_of_fork(plan, write_end.get());
  }
  child.pid = pid;
  child.outcome = std::move(read_end);
  return error;
}

} // namespace subprocess::detail
