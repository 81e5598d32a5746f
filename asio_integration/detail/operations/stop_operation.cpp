#include <asio_integration/detail/operations/stop_operation.hpp>

#include <asio/error.hpp>

#include <cerrno>
#include <utility>

namespace subprocess::detail {

stop_operation::stop_operation(const callers_executors&, done_type done, tracked_child child, stop_sequence sequence)
    : done_(std::move(done)), child_(std::move(child)), sequence_(std::move(sequence))
{
}

void stop_operation::begin()
{
  if (!child_)
    return finish({EINVAL, std::system_category()}, {});
  if (const std::error_code ec = steps_.begin(child_.handle(), sequence_))
    return finish(ec, {});
  exit_.begin(self(this), child_, &stop_operation::finish);
  if (done_)
    send_next();
}

void stop_operation::send_next()
{
  std::error_code ec;
  const auto next = steps_.next(ec);
  if (ec)
    return finish(ec, {});
  if (!next)
    return;
  timer_.emplace(child_.reaper().executor());
  timer_->expires_at(*next);
  await_next();
}

void stop_operation::extend(std::chrono::steady_clock::time_point until)
{
  take_step([this, until] {
    if (!done_ || !timer_ || timer_->expiry() >= until)
      return;
    if (timer_->expires_at(until) > 0) // Otherwise it is late: the next signal is as good as sent.
      await_next();
  });
}

void stop_operation::await_next()
{
  timer_->async_wait(step_of(self(this), [](stop_operation& op, std::error_code error) {
    if (!error && op.done_)
      op.send_next();
  }));
}

void stop_operation::cancelled(asio::cancellation_type)
{
  finish(asio::error::operation_aborted, {});
}

void stop_operation::out_of_memory() noexcept
{
  finish({ENOMEM, std::system_category()}, {});
}

void stop_operation::finish(std::error_code ec, exit_status status) noexcept
{
  if (!done_)
    return;
  steps_.give_up();
  exit_.stop();
  if (timer_)
    timer_->cancel();
  done_(ec, status);
}

} // namespace subprocess::detail
