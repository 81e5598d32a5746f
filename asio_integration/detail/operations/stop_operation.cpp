#include <asio_integration/detail/operations/stop_operation.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/post.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include <asio_integration/detail/streams/child_pipes.hpp>

namespace subprocess::detail {

stop_operation::stop_operation(const asio::any_io_executor& executor, done_type done, tracked_child child,
                               stop_sequence sequence)
    : strand_(child ? executor : asio::any_io_executor(nowhere().get_executor())), done_(std::move(done)),
      child_(std::move(child)), sequence_(std::move(sequence)), timer_(strand_)
{
}

void stop_operation::start()
{
  if (!child_)
    return finish({EINVAL, std::system_category()}, {});
  asio::post(strand_, [self = shared_from_this()] { self->begin(); });
}

void stop_operation::begin()
{
  if (!done_)
    return;
  std::error_code ec;
  group_ = group_stop(child_.handle(), sequence_, ec);
  if (ec)
    return finish(ec, {});
  wait_for_the_end();
  next();
}

void stop_operation::next()
{
  const bool last = step_ == sequence_.steps.size();
  check(last ? child_->kill(sequence_.whom) : child_->signal_to(sequence_.whom, sequence_.steps[step_].signal));
  if (!last)
    wait_for(sequence_.steps[step_++].grace);
}

void stop_operation::cancel(asio::cancellation_type)
{
  asio::post(strand_, [self = shared_from_this()] { self->finish(asio::error::operation_aborted, {}); });
}

void stop_operation::check(std::error_code ec)
{
  if (ec && ec != std::errc::invalid_argument) // Ended in the meantime: the wait tells how.
    finish(ec, {});
}

void stop_operation::wait_for_the_end()
{
  child_.async_wait(
      strand_, asio::bind_cancellation_slot(
                   stop_waiting_.slot(),
                   asio::bind_executor(strand_, [self = shared_from_this()](std::error_code ec, exit_status status) {
                     self->finish(ec, status);
                   })));
}

void stop_operation::wait_for(std::chrono::nanoseconds grace)
{
  if (!done_)
    return;
  // A grace of centuries must not overflow the clock.
  timer_.expires_after(std::min<std::chrono::nanoseconds>(grace, std::chrono::hours(24 * 365)));
  timer_.async_wait([self = shared_from_this()](std::error_code ec) {
    if (!ec && self->done_)
      self->next();
  });
}

void stop_operation::finish(std::error_code ec, exit_status status)
{
  if (!done_)
    return;
  group_ = group_stop(); // Cancelled: what is left of the group is no longer ours to kill.
  done_(ec, status);
  timer_.cancel();
  stop_waiting_.emit(asio::cancellation_type::terminal);
}

} // namespace subprocess::detail
