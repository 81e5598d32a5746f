#include <asio_integration/detail/child_operation.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/post.hpp>

#include <asio_integration/detail/spawn_operation.hpp>

namespace subprocess::detail {
namespace {

// What a cancelled child gets to end by itself.
constexpr std::chrono::seconds cancel_grace(5);

} // namespace

child_operation::child_operation(const asio::any_io_executor& executor, command what, stream_defaults defaults)
    : strand_(executor), command_(std::move(what)), defaults_(std::move(defaults))
{
}

void child_operation::start()
{
  auto token = asio::bind_cancellation_slot(
      stop_spawning_.slot(),
      [self = shared_from_this()](std::error_code ec, async_child child) { self->spawned(ec, std::move(child)); });
  initiate<spawn_operation, std::error_code, async_child>(strand_, token, command_, defaults_);
}

void child_operation::spawned(std::error_code ec, async_child child)
{
  child_ = std::move(child);
  if (ec)
    return ended(ec, {});
  child_.async_wait([self = shared_from_this()](std::error_code wait_ec, exit_status status) {
    self->ended_ = true;
    self->ended(self->cancelled_ ? asio::error::operation_aborted : wait_ec, status);
  });
  // Asked to stop between the last step of the spawn and now.
  if (cancelled_)
    child_.kill(ec);
  started();
}

void child_operation::cancel(asio::cancellation_type type)
{
  asio::post(strand_, [self = shared_from_this(), type] { self->stop(type); });
}

void child_operation::stop(asio::cancellation_type type)
{
  cancelled_ = true;
  std::error_code ignored; // It has ended by itself, or will be waited for.
  if (ended_)
    cancelled_after_the_end();
  else if (child_.id() == -1)
    stop_spawning_.emit(asio::cancellation_type::terminal);
  else if ((type & asio::cancellation_type::terminal) != asio::cancellation_type::none)
    child_.kill(ignored);
  else
    child_.async_stop(cancel_grace, [self = shared_from_this()](std::error_code, exit_status) {});
}

} // namespace subprocess::detail
