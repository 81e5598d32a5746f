#include <asio_integration/detail/operations/child_operation.hpp>

#include <asio/error.hpp>

#include <cerrno>
#include <csignal>
#include <new>
#include <utility>

#include <subprocess/command_settings.hpp>
#include <subprocess/detail/failures.hpp>

namespace subprocess::detail {
namespace {

const std::error_code out_of_time(ETIMEDOUT, std::system_category());
const std::error_code lack_of_memory(ENOMEM, std::system_category());

} // namespace

child_operation::child_operation(const asio::any_io_executor& executor, command what, const stream_defaults& defaults,
                                 const run_options& options)
    : launch_operation(executor, std::move(what), defaults, handover::early), options_(options),
      program_(launching().settings().program)
{
}

// Nobody waits any more: the context has ended.
child_operation::~child_operation()
{
  if (runs_ && !ended_)
    child()->signal(SIGKILL);
}

void child_operation::begin()
{
  const auto deadline = options_.limit.deadline_from(std::chrono::steady_clock::now());
  // Before a timer makes Asio open descriptors, which could get the number of a standard
  // stream: the reaper sees to that. What fails now is told by the launch, which must not
  // try again: it would go without a limit.
  if (deadline && prepare_loop())
    watch_the_clock(*deadline);
  launch_child();
}

void child_operation::watch_the_clock(std::chrono::steady_clock::time_point deadline)
{
  limit_timer_.emplace(loop_executor(context()));
  limit_timer_->expires_at(deadline);
  limit_timer_->async_wait(step_of(self(this), [](child_operation& op, std::error_code ec) {
    if (!ec)
      op.time_is_up();
  }));
}

// An end that is only on its way to us came in time; what else we wait for did not.
void child_operation::time_is_up()
{
  late_ = true;
  if (ended_ || !runs_ || child()->current() == process::state::running)
    stop(out_of_time, false);
}

void child_operation::complete(std::error_code ec) noexcept
{
  over_ = true;
  if (limit_timer_)
    limit_timer_->cancel();
  if (grace_timer_)
    grace_timer_->cancel();
  if (!options_.failure)
    return;
  try {
    tell(ec);
  } catch (const std::bad_alloc&) {
    *options_.failure = spawn_failure();
    options_.failure->code = ec;
  }
}

void child_operation::tell(std::error_code ec)
{
  spawn_failure& told = *options_.failure;
  if (never_program_) {
    told = std::move(never_program_);
    told.code = ec;
    add_limit(told, options_.limit);
  } else if (ec == out_of_time)
    told = limit_passed(program_, options_.limit);
  else if (ec)
    told = explain(ec);
  else
    told = spawn_failure();
}

// A coroutine's || and cancel_after() can only ask for terminal cancellation, so all
// types go by the sequence; who means it asks again.
void child_operation::cancelled(asio::cancellation_type)
{
  stop(asio::error::operation_aborted, std::exchange(was_cancelled_, true));
}

void child_operation::kill_soon()
{
  take_step([this] { kill_now(); });
}

void child_operation::kill_now()
{
  stop(asio::error::operation_aborted, true);
}

void child_operation::stop(std::error_code cause, bool at_once)
{
  if (over_)
    return;
  // A program that runs already, unknown to the loop, is to hear the gentle signal.
  if (!runs_ && !at_once)
    take_verdict();
  if (over_)
    return;
  if (!cause_)
    cause_ = cause;
  if (ended_)
    return interrupted();
  at_once_ = at_once_ || at_once;
  if (!runs_)
    return abort_launch();
  if (at_once || !is_program()) // Before its exec, a child hears no other signal.
    return kill();
  if (steps_.has_begun())
    return;
  if (steps_.begin(child(), launching().settings().stop)) // A group that is none.
    return kill();
  send_next();
}

void child_operation::send_next()
{
  std::error_code ec;
  const auto next = steps_.next(ec);
  if (ec)
    return kill();
  if (!next)
    return;
  grace_timer_.emplace(loop_executor(context()));
  grace_timer_->expires_at(*next);
  grace_timer_->async_wait(step_of(self(this), [](child_operation& op, std::error_code error) {
    if (!error && !op.ended_)
      op.send_next();
  }));
}

void child_operation::kill() noexcept
{
  if (child()->kill(launching().settings().stop.whom) == std::errc::operation_not_permitted)
    leave_child();
}

// It may not be signalled (a set-user-ID program), and nobody waits for it: it ends by
// itself, and the reaper sees to it.
void child_operation::leave_child() noexcept
{
  if (!is_awaiting_exit())
    return;
  stop_awaiting_exit();
  ended_ = true;
  interrupted();
  ended(cause_, {});
}

void child_operation::launched(child_parts parts)
{
  runs_ = true;
  run(std::move(parts));
  // Asked to stop before the loop knew of the program.
  if (cause_ && !ended_)
    stop(cause_, at_once_);
}

void child_operation::not_launched() noexcept
{
  ended_ = true;
  became_program_ = false;
  if (cause_ && (!failure() || failure().code == asio::error::operation_aborted))
    failure().code = cause_;
  const std::error_code ec = failure().code;
  never_program_ = std::move(failure());
  ended(ec, {});
}

// It may have been handed over before it could fail.
void child_operation::exited(std::error_code ec, exit_status status)
{
  ended_ = true;
  if (grace_timer_)
    grace_timer_->cancel();
  if (never_became_program(never_program_)) {
    became_program_ = false;
    return ended(never_program_.code ? never_program_.code : lack_of_memory, {});
  }
  ended(cause_ ? cause_ : ec, status);
  if (late_)
    stop(out_of_time, false);
}

void child_operation::out_of_memory() noexcept
{
  if (over_)
    return;
  if (!cause_)
    cause_ = lack_of_memory;
  if (!runs_)
    return launch_operation::out_of_memory();
  interrupted();
  if (ended_)
    return;
  if (!is_awaiting_exit())
    await_exit();
  if (!ended_)
    kill();
}

} // namespace subprocess::detail
