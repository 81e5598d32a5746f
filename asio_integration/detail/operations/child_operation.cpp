#include <asio_integration/detail/operations/child_operation.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/post.hpp>

#include <cerrno>
#include <csignal>
#include <utility>

#include <asio_integration/detail/operations/spawn_operation.hpp>

namespace subprocess::detail {
namespace {

const std::error_code out_of_time(ETIMEDOUT, std::system_category());

// Before a timer of ours makes Asio open descriptors, which could get the number of a
// standard stream: the reaper sees to that. What fails now is told by the spawn.
const asio::any_io_executor& with_reaper(const asio::any_io_executor& executor)
{
  std::error_code ignored;
  reaper_core::of(executor, ignored);
  return executor;
}

} // namespace

child_operation::child_operation(const asio::any_io_executor& executor, command what, stream_defaults defaults,
                                 supervision_options options)
    : strand_(with_reaper(executor)), stop_(what.get().stop), command_(std::move(what)), defaults_(std::move(defaults)),
      options_(options), timer_(strand_)
{
}

void child_operation::start()
{
  const auto deadline = options_.limit.deadline_from(std::chrono::steady_clock::now());
  auto token = asio::bind_cancellation_slot(
      stop_spawning_.slot(),
      [self = shared_from_this()](std::error_code ec, async_child child) { self->spawned(ec, std::move(child)); });
  initiate<spawn_operation, std::error_code, async_child>(strand_, token, std::move(command_), defaults_,
                                                          spawn_options{options_.failure, &launch_});
  if (deadline) // On the strand, which is busy by now.
    asio::post(strand_, [self = shared_from_this(), deadline] { self->watch_the_clock(*deadline); });
}

void child_operation::watch_the_clock(std::chrono::steady_clock::time_point deadline)
{
  if (done_)
    return;
  timer_.expires_at(deadline);
  timer_.async_wait([self = shared_from_this()](std::error_code ec) {
    if (!ec)
      self->time_is_up();
  });
}

// An end that is only on its way to us came in time; what else we wait for did
// not.
void child_operation::time_is_up()
{
  late_ = true;
  if (reaped_ || !child_.status())
    stop(asio::cancellation_type::total, out_of_time);
}

void child_operation::stop_the_clock()
{
  done_ = true;
  timer_.cancel();
}

void child_operation::spawned(std::error_code ec, async_child child)
{
  child_ = std::move(child);
  if (ec) {
    reaped_ = true;
    if (cause_ && ec == asio::error::operation_aborted)
      ec = cause_;
    if (options_.failure)
      options_.failure->code = ec;
    return ended(ec, {});
  }
  child_.async_wait(
      [self = shared_from_this()](std::error_code wait_ec, exit_status status) { self->reaped(wait_ec, status); });
  if (launch_) {
    watch_ = &asio::use_service<launch_watch>(asio::query(strand_, asio::execution::context));
    watch_->add(child_.tracked().reaper().executor(), *this, shared_from_this());
  }
  // Asked to stop between the last step of the spawn and now.
  if (cause_)
    kill();
  started();
}

// It may have been handed over before it could fail.
void child_operation::reaped(std::error_code ec, exit_status status)
{
  reaped_ = true;
  if (watch_)
    watch_->remove(*this);
  spawn_failure failure;
  if (launch_ && launch_->has_verdict(failure) && failure)
    never_a_program(std::move(failure));
  else
    ended(cause_ ? cause_ : ec, status);
  if (late_)
    stop(asio::cancellation_type::total, out_of_time);
}

void child_operation::never_a_program(spawn_failure failure)
{
  became_program_ = false;
  const std::error_code why = failure.code;
  if (options_.failure)
    *options_.failure = std::move(failure);
  ended(why, {});
}

void child_operation::look_again()
{
  asio::post(strand_, [self = shared_from_this()] {
    if (self->reaped_)
      return;
    if (self->is_program())
      self->watch_->remove(*self);
    else
      self->launch_->nudge();
  });
}

// Or never will be.
bool child_operation::is_program()
{
  spawn_failure failure;
  return !launch_ || launch_->has_verdict(failure);
}

void child_operation::cancel(asio::cancellation_type type)
{
  asio::post(strand_, [self = shared_from_this(), type] { self->stop(type, asio::error::operation_aborted); });
}

void child_operation::stop(asio::cancellation_type type, std::error_code cause)
{
  if (done_)
    return;
  if (!cause_)
    cause_ = cause;
  if (reaped_)
    interrupted();
  else if (child_.id() == -1)
    stop_spawning_.emit(asio::cancellation_type::terminal);
  else if ((type & asio::cancellation_type::terminal) != asio::cancellation_type::none || !is_program())
    kill(); // Before its exec, a child hears no other signal.
  else if (!std::exchange(stopping_, true))
    child_.async_stop(stop_, asio::bind_executor(strand_, [self = shared_from_this()](std::error_code ec, exit_status) {
                        if (ec == std::errc::invalid_argument) // A group that is none.
                          self->kill();
                      }));
}

void child_operation::kill()
{
  std::error_code ignored; // It has ended by itself, or will be waited for.
  if (stop_.whom == stop_sequence::target::group)
    child_.kill_group(SIGKILL, ignored);
  child_.kill(ignored);
}

} // namespace subprocess::detail
