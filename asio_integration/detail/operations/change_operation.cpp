#include <asio_integration/detail/operations/change_operation.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/post.hpp>

#include <cerrno>

#include <asio_integration/detail/reaper/change_watch.hpp>
#include <asio_integration/detail/streams/child_pipes.hpp>

namespace subprocess::detail {

/// What stands in the watch: it brings the news to the strand. Weak, so that an
/// operation ends with its context whatever the order in which services go.
class change_operation::listener final : public change_listener {
public:
  explicit listener(const std::shared_ptr<change_operation>& operation) noexcept : operation_(operation) {}

  void changed(const child_change& change) override
  {
    if (auto operation = operation_.lock()) {
      const auto strand = operation->strand_;
      asio::post(strand, [self = std::move(operation), change] { self->finish({}, change); });
    }
  }

private:
  std::weak_ptr<change_operation> operation_;
};

change_operation::change_operation(const asio::any_io_executor& executor, done_type done, tracked_child child)
    : strand_(child ? executor : asio::any_io_executor(nowhere().get_executor())), done_(std::move(done)),
      child_(std::move(child))
{
}

change_operation::~change_operation() = default;

void change_operation::start()
{
  if (!child_)
    return finish({EINVAL, std::system_category()}, {});
  asio::post(strand_, [self = shared_from_this()] { self->begin(); });
}

// News of the end takes the reaper's way. The watch comes first: what has
// happened before the end is told before it.
void change_operation::begin()
{
  if (!done_)
    return;
  if (child_->current() == process::state::running) {
    std::error_code ec;
    change_watch* const watch = change_watch::of(child_.reaper().executor(), ec);
    if (ec)
      return finish(ec, {});
    listener_ = std::make_shared<listener>(shared_from_this());
    watch->add(child_.reaper().executor(), child_.handle(), listener_, ec);
    if (ec)
      return finish(ec, {});
    watch_ = watch;
  }
  wait_for_the_end();
}

void change_operation::wait_for_the_end()
{
  child_.async_wait(
      strand_, asio::bind_cancellation_slot(
                   stop_waiting_.slot(),
                   asio::bind_executor(strand_, [self = shared_from_this()](std::error_code ec, exit_status status) {
                     self->give_up(ec, {child_event::ended, 0, status});
                   })));
}

void change_operation::cancel(asio::cancellation_type)
{
  asio::post(strand_, [self = shared_from_this()] { self->give_up(asio::error::operation_aborted, {}); });
}

// Unless a change was taken from the kernel for us: that is on its way, and
// nobody else would hear of it.
void change_operation::give_up(std::error_code ec, const child_change& change)
{
  if (done_ && (!watch_ || watch_->remove(child_.handle(), *listener_)))
    finish(ec, change);
}

void change_operation::finish(std::error_code ec, const child_change& change)
{
  if (!done_)
    return;
  done_(ec, change);
  stop_waiting_.emit(asio::cancellation_type::terminal);
}

} // namespace subprocess::detail
