#include <asio_integration/detail/operations/caller.hpp>

#include <asio_integration/detail/operations/operation.hpp>

namespace subprocess::detail {

std::shared_ptr<operation> cancel_link::follow() noexcept
{
  const std::lock_guard lock(mutex_);
  return running_ ? running_->weak_from_this().lock() : nullptr;
}

void cancel_link::cancel(asio::cancellation_type type)
{
  if (const auto running = follow())
    running->cancel(type);
}

void begin_operation(operation& made)
{
  made.start();
}

} // namespace subprocess::detail
