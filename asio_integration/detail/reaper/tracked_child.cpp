#include <asio_integration/detail/reaper/tracked_child.hpp>

#include <asio/error.hpp>

#include <cerrno>
#include <csignal>
#include <new>

#include <asio_integration/detail/operations/stop_operation.hpp>
#include <asio_integration/detail/reaper/reaper_core.hpp>

namespace subprocess::detail {
namespace {

/// Nobody is told; the loop is held until the child has been stopped. When the context ends
/// before, there is no time for a sequence.
class stop_in_background final : public completion<std::error_code, exit_status> {
public:
  explicit stop_in_background(tracked_child child)
      : child_(std::move(child)), loop_(child_.reaper().executor().context())
  {
    loop_.hold();
  }

  void complete(std::error_code, exit_status) noexcept override { end(); }
  void abandon() noexcept override
  {
    child_->signal(SIGKILL);
    end();
  }

private:
  ~stop_in_background() = default;

  void end() noexcept
  {
    loop_.release();
    delete this;
  }

  const tracked_child child_;
  event_queue loop_;
};

} // namespace

void tracked_child::wait(waiter& added) const noexcept
{
  if (!child_)
    return added.complete({EINVAL, std::system_category()}, {});
  if (const auto end = reaper_->wait(*child_, added))
    added.complete(end->error, end->status);
}

void tracked_child::cancel_wait::operator()(asio::cancellation_type)
{
  const auto child = child_.lock();
  const auto reaper = reaper_.lock();
  if (!child || !reaper)
    return;
  if (waiter* const removed = reaper->remove(*child, id_))
    removed->complete(asio::error::operation_aborted, {});
}

void tracked_child::kill_and_reap() const noexcept
{
  if (child_->current() != process::state::running || !child_->is_parent())
    return;
  if (child_->signal(SIGKILL) != std::errc::operation_not_permitted)
    reaper_->hold_until_reaped(*child_);
}

void tracked_child::stop_and_reap(const stop_sequence& sequence) const noexcept
{
  if (child_->current() != process::state::running || !child_->is_parent())
    return;
  if (!reaper_->is_open())
    return kill_and_reap();
  try {
    stop_operation::done_type done(new stop_in_background(*this));
    std::make_shared<stop_operation>(callers_executors(), std::move(done), *this, sequence)->start();
  } catch (const std::bad_alloc&) {
    kill_and_reap();
  }
}

} // namespace subprocess::detail
