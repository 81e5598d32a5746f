// The child is a copy of one thread of a program that had many; every lock it
// can reach may be held by a thread that is not here. It may even share its
// memory with that program, running. So this file allocates nothing, throws
// nothing, touches no errno on Linux, calls only what signal-safety(7) lists,
// and leaves by execve() or by returning to a caller that calls _exit().

#include <subprocess/detail/child/child_main.hpp>

#include <cerrno>

#include <subprocess/detail/child/option_calls.hpp>
#include <subprocess/detail/child/raw_calls.hpp>

namespace subprocess::detail {
namespace {

// A handler must not run in here once the mask is open; what is ignored stays
// ignored, for nohup, unless told otherwise. SIGPIPE alone is made default:
// programs expect it.
void reset_signals(const child_plan& plan) noexcept
{
  const bool keep_ignored = !plan.options.reset_ignored_signals;
  const bool nothing_to_reset = plan.handlers_are_default && keep_ignored;
  for (int signal = 1; signal <= raw::signal_count && !nothing_to_reset; ++signal) {
    raw::signal_action action;
    if (raw::get_action(signal, action) == 0 && action.handler != SIG_DFL &&
        !(keep_ignored && action.handler == SIG_IGN))
      raw::set_default(signal);
  }
  raw::set_default(SIGPIPE);
}

child_failure enter_session(child_plan& plan) noexcept
{
  if (plan.new_session)
    if (const long result = raw::setsid(); result < 0)
      return failed(spawn_step::setsid, result);
  if (plan.terminal != -1)
    if (const long result = raw::set_controlling_terminal(plan.terminal); result < 0)
      return failed(spawn_step::pty, result, plan.terminal);
  if (plan.group)
    if (const long result = raw::setpgid(*plan.group); result < 0)
      return failed(spawn_step::setpgid, result);
  return take_terminal(plan.options);
}

child_failure change_user(const child_plan& plan) noexcept
{
  if (plan.set_groups)
    if (const long result = raw::setgroups(plan.group_count, plan.groups);
        result < 0 && !(plan.groups_may_stay && result == -EPERM))
      return failed(spawn_step::setgroups, result);
  if (plan.gid)
    if (const long result = raw::setgid(*plan.gid); result < 0)
      return failed(spawn_step::setgid, result);
  if (const child_failure failure = keep_capabilities(plan.options, plan.uid); failure.error)
    return failure;
  if (plan.uid)
    if (const long result = raw::setuid(*plan.uid); result < 0)
      return failed(spawn_step::setuid, result);
  return raise_capabilities(plan.options, plan.uid);
}

// At its number, and such that an exec closes it.
bool is_pipe_left(const child_plan& plan) noexcept
{
  return raw::descriptor_flags(plan.outcome) == FD_CLOEXEC && raw::identity_of(plan.outcome) == plan.outcome_pipe;
}

// A hook is the caller's code: it may close or replace any descriptor, and may
// fork again, so that the process that goes on is another than the parent knows.
child_failure call_hooks(const child_plan& plan, child_report& report) noexcept
{
  report.at.store(child_report::in_hooks, std::memory_order_relaxed);
  open_mask(plan.options);
  int item = 0;
  if (const int error = run_hooks(plan, item))
    return {spawn_step::pre_exec, item, error};
  if (plan.in_place)
    return no_failure;
  raw::mark_at_release(report);
  // Without the kernel's mark, and without the pipe, nothing could tell of an exec
  // that fails.
  const bool something_tells = report.is_robust || is_pipe_left(plan);
  return something_tells ? no_failure : child_failure{spawn_step::pre_exec, 0, EBADF};
}

// The order is that of spawn_step and of the table in docs/options.md.
child_failure try_to_become_program(child_plan& plan, child_report& report) noexcept
{
  if (const child_failure failure = place_descriptors(plan, report); failure.error)
    return failure;
  if (const child_failure failure = enter_surroundings(plan.options); failure.error)
    return failure;
  if (plan.opens_files && !plan.in_place)
    stay_with_parent(plan.options);
  if (const child_failure failure = make_streams(plan, report); failure.error)
    return failure;
  reset_signals(plan);
  if (const child_failure failure = enter_session(plan); failure.error)
    return failure;
  if (const child_failure failure = limit_resources(plan.options); failure.error)
    return failure;
  if (const child_failure failure = change_root(plan.options); failure.error)
    return failure;
  if (const child_failure failure = change_user(plan); failure.error)
    return failure;
  if (const child_failure failure = bind_process(plan.options); failure.error)
    return failure;
  if (plan.directory)
    if (const long result = raw::chdir(plan.directory); result < 0)
      return failed(spawn_step::chdir, result);
  if (plan.hook_count)
    if (const child_failure failure = call_hooks(plan, report); failure.error)
      return failure;
  report.at.store(child_report::executing, std::memory_order_relaxed);
  return execute(plan);
}

} // namespace

child_failure become_program(child_plan& plan, child_report& report) noexcept
{
  const child_failure failure = try_to_become_program(plan, report);
  give_terminal_back(plan.options);
  return failure;
}

void run_sharing(void* start) noexcept
{
  const child_start& self = *static_cast<const child_start*>(start);
  self.report->failure = become_program(*self.plan, *self.report);
  raw::exit(127);
}

void run_copied(void* start) noexcept
{
  raw::mark_at_release(*static_cast<const child_start*>(start)->report);
  run_sharing(start);
}

} // namespace subprocess::detail
