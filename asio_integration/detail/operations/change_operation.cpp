#include <asio_integration/detail/operations/change_operation.hpp>

#include <asio/error.hpp>

#include <cerrno>
#include <utility>

#include <asio_integration/detail/reaper/change_watch.hpp>

namespace subprocess::detail {

/// What stands in the watch: it brings the news to the loop. Weak, so that an
/// operation ends with its context whatever the order in which services go.
class change_operation::listener final : public change_listener, private loop_task {
public:
  explicit listener(const std::shared_ptr<change_operation>& heard)
      : loop_task(&listener::run), operation_(heard), loop_(heard->child_.reaper().executor().context())
  {
  }

  void changed(const child_change& change) noexcept override
  {
    running_ = operation_.lock();
    if (!running_)
      return;
    change_ = change;
    loop_.post(*this);
  }

private:
  static void run(loop_task& task, bool is_over)
  {
    auto& self = static_cast<listener&>(task);
    const std::shared_ptr<change_operation> running = std::exchange(self.running_, nullptr);
    const child_change change = self.change_;
    if (!is_over)
      running->take_step([&] { running->finish({}, change); });
  }

  const std::weak_ptr<change_operation> operation_;
  event_queue loop_;
  std::shared_ptr<change_operation> running_; // And with it this object.
  child_change change_;
};

change_operation::change_operation(const callers_executors&, done_type done, tracked_child child)
    : done_(std::move(done)), child_(std::move(child))
{
}

change_operation::~change_operation() = default;

// News of the end takes the reaper's way. The watch comes first: what has
// happened before the end is told before it.
void change_operation::begin()
{
  if (!child_)
    return finish({EINVAL, std::system_category()}, {});
  if (child_->current() == process::state::running) {
    std::error_code ec;
    change_watch* const watch = change_watch::of(child_.reaper().executor().context(), ec);
    if (ec)
      return finish(ec, {});
    listener_ = std::make_shared<listener>(self(this));
    watch->add(child_.handle(), listener_, ec);
    if (ec)
      return finish(ec, {});
    watch_ = watch;
  }
  exit_.begin(self(this), child_, &change_operation::exited);
}

void change_operation::cancelled(asio::cancellation_type)
{
  give_up(asio::error::operation_aborted, {});
}

void change_operation::out_of_memory() noexcept
{
  give_up({ENOMEM, std::system_category()}, {});
}

void change_operation::exited(std::error_code ec, exit_status status)
{
  give_up(ec, {child_event::ended, 0, status});
}

// Unless a change was taken from the kernel for us: that is on its way, and
// nobody else would hear of it.
void change_operation::give_up(std::error_code ec, const child_change& change) noexcept
{
  if (done_ && (!watch_ || watch_->remove(child_.handle(), *listener_)))
    finish(ec, change);
}

void change_operation::finish(std::error_code ec, const child_change& change) noexcept
{
  if (!done_)
    return;
  exit_.stop();
  done_(ec, change);
}

} // namespace subprocess::detail
