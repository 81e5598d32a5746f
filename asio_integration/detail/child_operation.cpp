#include <asio_integration/detail/child_operation.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/post.hpp>

#include <cerrno>
#include <csignal>

#include <asio_integration/detail/spawn_operation.hpp>

namespace subprocess::detail {
namespace {

const std::error_code out_of_time(ETIMEDOUT, std::system_category());

} // namespace

child_operation::child_operation(const asio::any_io_executor& executor, command what, stream_defaults defaults,
                                 supervision_options options)
    : strand_(executor), stop_(what.get().stop), command_(std::move(what)), defaults_(std::move(defaults)),
      options_(options), timer_(strand_)
{
}

void child_operation::start()
{
  if (options_.limit)
    watch_the_clock();
  auto token = asio::bind_cancellation_slot(
      stop_spawning_.slot(),
      [self = shared_from_this()](std::error_code ec, async_child child) { self->spawned(ec, std::move(child)); });
  initiate<spawn_operation, std::error_code, async_child>(strand_, token, std::move(command_), defaults_,
                                                          spawn_options{options_.failure, &launch_});
}

void child_operation::watch_the_clock()
{
  timer_.expires_at(*options_.limit.deadline_from(std::chrono::steady_clock::now()));
  timer_.async_wait([self = shared_from_this()](std::error_code ec) {
    // An end that is only on its way to us came in time.
    if (!ec && (self->reaped_ || !self->child_.status()))
      self->stop(asio::cancellation_type::total, out_of_time);
  });
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
    return ended(cause_ && ec == asio::error::operation_aborted ? cause_ : ec, {});
  }
  child_.async_wait(
      [self = shared_from_this()](std::error_code wait_ec, exit_status status) { self->reaped(wait_ec, status); });
  // Asked to stop between the last step of the spawn and now.
  if (cause_)
    kill();
  started();
}

// It may have been handed over before it could fail.
void child_operation::reaped(std::error_code ec, exit_status status)
{
  reaped_ = true;
  const child_failure told = launch_ ? launch_->shared.failure : child_failure{};
  if (!told.error)
    return ended(cause_ ? cause_ : ec, status);
  became_program_ = false;
  spawn_failure failure = launch_->plan.explain(told);
  const std::error_code why = failure.code;
  if (options_.failure)
    *options_.failure = std::move(failure);
  ended(why, {});
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
  else if ((type & asio::cancellation_type::terminal) != asio::cancellation_type::none)
    kill();
  else
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
