// The child is a copy of one thread of a program that had many; every lock it
// can reach may be held by a thread that is not here. It may even share its
// memory with that program, running. So this file allocates nothing, throws
// nothing, touches no errno on Linux, calls only what signal-safety(7) lists,
// and leaves by execve() or by returning to a caller that calls _exit().

#include <subprocess/detail/child/child_main.hpp>

#include <cerrno>

#include "option_calls.hpp"
#include "raw_calls.hpp"

namespace subprocess::detail {
namespace {

child_failure failed(spawn_step step, long result, int item = 0) noexcept
{
  return {step, item, static_cast<int>(-result)};
}

// dup2() onto a number destroys what was there, so every source that another
// move overwrites is first duplicated above all targets. Then each dup2()
// clears close-on-exec on its target; a move onto itself has to do so by hand.
child_failure place_descriptors(child_plan& plan) noexcept
{
  for (std::size_t i = 0; i < plan.move_count; ++i)
    if (fd_move& move = plan.moves[i]; move.lift) {
      const long lifted = raw::dup_above(move.source, plan.above_targets);
      if (lifted < 0)
        return failed(move.step, lifted, move.item);
      move.source = static_cast<int>(lifted);
    }

  for (std::size_t i = 0; i < plan.move_count; ++i) {
    const fd_move& move = plan.moves[i];
    const long result =
        move.source == move.target ? raw::clear_close_on_exec(move.target) : raw::dup_onto(move.source, move.target);
    if (result < 0)
      return failed(move.step, result, move.item);
  }

  // The kernel may have given their numbers to a descriptor of ours meanwhile.
  for (int stream = 0; stream < 3; ++stream)
    if (plan.shut[stream])
      raw::close(stream);

  for (std::size_t i = 0; i < plan.unneeded_count; ++i)
    raw::close_range_on_exec(plan.unneeded[i].first, plan.unneeded[i].last);
  return no_failure;
}

// A handler must not run in here once the mask is open; what is ignored stays
// ignored, for nohup, unless told otherwise. SIGPIPE alone is made default:
// programs expect it.
child_failure reset_signals(const child_plan& plan) noexcept
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
  raw::signal_set mask = raw::no_signals();
  for (std::size_t i = 0; i < plan.options.blocked_count; ++i)
    raw::add_signal(mask, plan.options.blocked_signals[i]);
  const long result = raw::set_mask(mask);
  return result < 0 ? failed(spawn_step::signals, result) : no_failure;
}

child_failure enter_session(const child_plan& plan) noexcept
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

} // namespace

// The order is that of spawn_step and of the table in docs/options.md.
child_failure become_program(child_plan& plan) noexcept
{
  if (const child_failure failure = enter_surroundings(plan.options); failure.error)
    return failure;
  if (const child_failure failure = place_descriptors(plan); failure.error)
    return failure;
  if (const child_failure failure = reset_signals(plan); failure.error)
    return failure;
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
  if (plan.hook_count) {
    int item = 0;
    if (const int error = run_hooks(plan, item))
      return {spawn_step::pre_exec, item, error};
  }
  return execute(plan);
}

} // namespace subprocess::detail
