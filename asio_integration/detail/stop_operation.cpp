#include <asio_integration/detail/stop_operation.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/post.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include <asio_integration/detail/child_pipes.hpp>

namespace subprocess::detail {

stop_operation::stop_operation(const asio::any_io_executor& executor, done_type done, tracked_child child,
                               std::chrono::nanoseconds grace)
    : strand_(child ? executor : asio::any_io_executor(nowhere().get_executor())), done_(std::move(done)), child_(std::move(child)), grace_(grace), timer_(strand_)
{
}

void stop_operation::start()
{
  if (!child_)
    return finish({EINVAL, std::system_category()}, {});
  asio::post(strand_, [self = shared_from_this()] {
    self->wait_for_the_end();
    self->send(SIGTERM);
    self->wait_for_grace();
  });
}

void stop_operation::cancel(asio::cancellation_type)
{
  asio::post(strand_, [self = shared_from_this()] { self->finish(asio::error::operation_aborted, {}); });
}

void stop_operation::send(int signal)
{
  const std::error_code ec = child_->signal(signal);
  if (ec && ec != std::errc::invalid_argument) // Ended in the meantime: the wait tells how.
    finish(ec, {});
}

void stop_operation::wait_for_the_end()
{
  child_.async_wait(strand_, asio::bind_cancellation_slot(
                                 stop_waiting_.slot(),
                                 asio::bind_executor(strand_, [self = shared_from_this()](std::error_code ec,
                                                                                          exit_status status) {
                                   self->finish(ec, status);
                                 })));
}

void stop_operation::wait_for_grace()
{
  if (!done_)
    return;
  // A grace of centuries must not overflow the clock.
  timer_.expires_after(std::min<std::chrono::nanoseconds>(grace_, std::chrono::hours(24 * 365)));
  timer_.async_wait([self = shared_from_this()](std::error_code ec) {
    if (!ec && self->done_)
      self->send(SIGKILL);
  });
}

void stop_operation::finish(std::error_code ec, exit_status status)
{
  if (!done_)
    return;
  done_(ec, status);
  timer_.cancel();
  stop_waiting_.emit(asio::cancellation_type::terminal);
}

} // namespace subprocess::detail
