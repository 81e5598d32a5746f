// Whether a child became its program: how to hear of it, and how long to wait.

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include <subprocess/detail/launch/launch.hpp>
#include <subprocess/detail/process/poll_time.hpp>
#include <subprocess/detail/process/wait_until.hpp>

namespace subprocess::detail {
namespace {

// For how long somebody may go on, where nothing would tell of it.
constexpr std::chrono::milliseconds time_to_go_on(500);

// How long the kernel may take to end a child that was killed.
constexpr std::chrono::seconds time_to_die(1);

} // namespace

// The child has ended in a hook. That may have made another process, which goes on in
// its place and holds the pipe until it is the program, unless it has closed it.
bool launch::may_go_on_elsewhere() noexcept
{
  if (report().at != child_report::in_hooks)
    return false;
  const auto now = clock::now();
  if (!ended_in_hook_)
    ended_in_hook_ = now;
  return is_piped_ || now - *ended_in_hook_ < time_to_go_on;
}

// Where the kernel marks no word. The pipe's end is that of a hook that has closed it as
// long as the child is alive and not about to execute: it will say so itself.
bool launch::has_pipe_told() const noexcept
{
  const child_report& told = report();
  return used_ == launcher::fork && !told.is_robust && !is_piped_ &&
         (told.at == child_report::executing || process_->has_ended());
}

bool launch::has_verdict(spawn_failure& failure)
{
  const child_report& told = report();
  if (!told.is_released() && !has_pipe_told())
    return false;
  if (told.failure.error) {
    failure = plan_.explain(told.failure);
    return true;
  }
  return !may_go_on_elsewhere();
}

void launch::outcome_ended() noexcept
{
  outcome_.reset();
  is_piped_ = false;
}

// By now, whoever has been waiting or not.
bool launch::has_told() noexcept
{
  if (pollfd watched{outcome_.get(), POLLIN, 0}; outcome_ && ::poll(&watched, 1, 0) == 1)
    outcome_ended();
  return report().is_released() || has_pipe_told();
}

// Who stops after the exec has told before, and that is the program's affair.
void launch::nudge() noexcept
{
  if (process_->is_stopped() && !has_told())
    process_->signal(SIGCONT);
  // It ended before the kernel was asked to tell, and somebody holds its pipe.
  if (!report().is_robust && !report().is_released() && process_->has_ended())
    report().word = 0;
}

void launch::wait_a_while(std::chrono::nanoseconds limit) noexcept
{
  if (outcome_) {
    pollfd watched{outcome_.get(), POLLIN, 0};
    const int ready = ::poll(&watched, 1, poll_timeout(limit));
    if (ready == 1)
      outcome_ended();
    if (ready != -1 || errno == EINTR)
      return;
  }
  const unsigned now = report().word;
  if (!report().is_released() || report().at == child_report::in_hooks)
    wait_for_change(report().word, now, limit);
}

void launch::wait_briefly(std::chrono::nanoseconds limit, spawn_failure& failure)
{
  const auto end = clock::now() + limit;
  for (auto now = clock::now(); now < end && !has_verdict(failure); now = clock::now())
    wait_a_while(end - now);
}

void launch::wait(std::optional<clock::time_point> deadline, spawn_failure& failure)
{
  bool late = false;
  while (!has_verdict(failure)) {
    const auto begin = clock::now();
    if (deadline && begin >= *deadline) {
      late = true;
      break;
    }
    wait_a_while(deadline ? std::min<clock::duration>(tick, *deadline - begin) : tick);
    if (clock::now() - begin >= tick)
      nudge();
  }
  if (late) {
    failure = out_of_time();
  } else if (may_not_unshare()) {
    begin_anew();
    failure = {};
  }
  if (failure)
    end_child();
}

void launch::end_child() noexcept
{
  kill(); // It is ending already, or must.
  wait_until_ended(*process_, time_to_die);
  drop_child();
}

spawn_failure launch::out_of_time() const
{
  switch (report().at) {
  case child_report::opening: return plan_.explain({spawn_step::open_file, report().opened, ETIMEDOUT});
  case child_report::in_hooks: return fail(spawn_step::pre_exec, ETIMEDOUT);
  default: return fail(spawn_step::exec, ETIMEDOUT);
  }
}

} // namespace subprocess::detail
