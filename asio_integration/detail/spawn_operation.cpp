#include <asio_integration/detail/spawn_operation.hpp>

#include <asio/post.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include <asio_integration/detail/launcher_thread.hpp>
#include <asio_integration/detail/start_child.hpp>
#include <subprocess/detail/orphans.hpp>

namespace subprocess::detail {

spawn_operation::spawn_operation(const asio::any_io_executor& executor, done_type done, command what,
                                 stream_defaults defaults)
    : executor_(executor), done_(std::move(done)), command_(std::move(what)), defaults_(std::move(defaults))
{
}

// The context shut down on the way: no handler will take the child.
spawn_operation::~spawn_operation()
{
  if (child_.pid != -1)
    running_ = std::make_shared<process>(child_.pid, std::move(child_.pidfd));
  if (!running_ || !running_->is_parent())
    return;
  running_->signal(SIGKILL);
  adopt_orphan(std::move(running_));
}

void spawn_operation::start()
{
  reap_orphans();
  std::error_code ec;
  reaper_ = reaper_core::of(executor_, ec);
  if (ec) {
    failure_ = {ec, spawn_step::prepare, command_.get().program, "event loop"};
    return finish();
  }
  plan_.emplace(command_, defaults_, failure_);
  if (!failure_)
    used_ = choose_launcher(*plan_, failure_);
  if (failure_)
    return finish();
  launch_on_thread();
}

void spawn_operation::launch_on_thread()
{
  const auto job = [self = shared_from_this()] {
    std::unique_lock lock(self->mutex_);
    const bool cancelled = self->cancelled_;
    lock.unlock();
    const int error = cancelled ? ECANCELED : start_by_fork(*self->plan_, self->child_);
    asio::post(self->executor_, [self, error] { self->started(error); });
  };
  const std::error_code ec =
      run_on_launcher_thread(asio::query(executor_, asio::execution::context), job);
  if (ec) {
    failure_ = plan_->fail(spawn_step::fork, ec.value(), "launcher thread");
    finish();
  }
}

void spawn_operation::started(int error)
{
  plan_->close_theirs();
  if (error) {
    failure_ = plan_->fail(spawn_step::fork, error);
    return finish();
  }
  {
    const std::lock_guard lock(mutex_);
    running_ = std::make_shared<process>(std::exchange(child_.pid, -1), std::move(child_.pidfd));
    if (cancelled_)
      running_->signal(SIGKILL);
  }
  std::error_code ec;
  outcome_.emplace(executor_);
  outcome_->assign(child_.outcome.get(), ec);
  if (!ec) {
    static_cast<void>(child_.outcome.release());
    outcome_->non_blocking(true, ec);
  }
  if (ec) {
    failure_ = plan_->fail(spawn_step::pipe, ec.value(), "event loop");
    return reap_failed();
  }
  wait_for_outcome();
}

void spawn_operation::wait_for_outcome()
{
  outcome_->async_wait(asio::posix::descriptor_base::wait_read,
                       [self = shared_from_this()](std::error_code) { self->settle_outcome(); });
}

void spawn_operation::settle_outcome()
{
  const outcome_reader::result result = reader_.read(outcome_->native_handle());
  if (result == outcome_reader::result::again)
    return wait_for_outcome();
  // release() takes it out of Asio's epoll set, which close() does not; a child
  // of another launch may hold a copy.
  unique_fd(outcome_->release());
  outcome_.reset();
  failure_ = failure_of(*plan_, reader_, result);

  std::unique_lock lock(mutex_);
  if (failure_ || cancelled_) {
    lock.unlock();
    return reap_failed();
  }
  child_parts parts;
  parts.handle = std::move(running_);
  lock.unlock();
  std::ranges::move(plan_->ours, parts.pipes);
  parts.used = used_;
  parts.kill_on_destroy = command_.get().kill_on_destroy;
  std::error_code ec;
  async_child child = adopt_child(executor_, reaper_, std::move(parts), ec);
  if (ec)
    failure_ = plan_->fail(spawn_step::pipe, ec.value(), "event loop");
  finish(std::move(child));
}

void spawn_operation::reap_failed()
{
  running_->signal(SIGKILL); // It is ending already, or must.
  reaper_->track(running_);
  tracked_child(running_, reaper_).async_wait(executor_, [self = shared_from_this()](std::error_code, exit_status) {
    self->finish();
  });
}

void spawn_operation::finish(async_child child)
{
  std::unique_lock lock(mutex_);
  running_.reset();
  const bool aborted = cancelled_ && child.id() == -1;
  const std::error_code ec = aborted ? asio::error::operation_aborted : failure_.code;
  lock.unlock();
  plan_.reset();
  done_(ec, std::move(child));
}

void spawn_operation::cancel(asio::cancellation_type)
{
  const std::lock_guard lock(mutex_);
  cancelled_ = true;
  if (running_)
    running_->signal(SIGKILL);
}

} // namespace subprocess::detail
