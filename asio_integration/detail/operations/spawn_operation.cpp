#include <asio_integration/detail/operations/spawn_operation.hpp>

#include <asio/post.hpp>

#include <fcntl.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include <asio_integration/detail/launch/launch_queue.hpp>
#include <asio_integration/detail/launch/launcher_threads.hpp>
#include <asio_integration/detail/launch/start_child.hpp>
#include <subprocess/detail/process/orphans.hpp>

namespace subprocess::detail {
namespace {

// From here on copying the descriptor table takes longer than a launcher thread
// takes to wake up, and that one need not copy it.
constexpr int large_table = 256;

// The lowest free number is always taken first.
bool has_large_table() noexcept
{
  return ::fcntl(large_table - 1, F_GETFD) != -1;
}

} // namespace

spawn_operation::spawn_operation(const asio::any_io_executor& executor, done_type done, command what,
                                 const stream_defaults& defaults, spawn_options options)
    : executor_(executor), done_(std::move(done)), options_(options),
      launch_(make_launch(std::move(what), defaults, failure_))
{
}

// The context shut down on the way: no handler will take the child. In a fork of
// the program it is not ours to kill.
spawn_operation::~spawn_operation()
{
  if ((child_.pid == -1 && !running_) || owner_ != own_pid())
    return;
  if (child_.pid != -1)
    running_ = std::make_shared<process>(child_.pid, std::move(child_.pidfd));
  running_->signal(SIGKILL);
  adopt_orphan(std::move(running_));
}

void spawn_operation::start()
{
  reap_orphans();
  if (failure_)
    return finish();
  std::error_code ec;
  reaper_ = reaper_core::of(executor_, ec);
  if (ec)
    failure_ = launch_->plan.fail(spawn_step::prepare, ec.value(), "event loop");
  else
    used_ = choose_launcher(launch_->plan, failure_);
  if (failure_)
    return finish();
  if (used_ == launcher::fork || !launch_->plan.may_run_beside())
    return launch_on_thread();
  // The group of a child that is no program yet may not be there to be signalled.
  early_ = options_.early && !launch_->plan.settings().makes_group() && launches_alone(context(), launch_);
  if (early_)
    return launch_beside();
  launching_ = true;
  if (enter_launch_queue(
          context(), [self = shared_from_this()] { asio::post(self->executor_, [self] { self->launch_beside(); }); }))
    launch_beside();
}

void spawn_operation::launch_beside()
{
  if (is_cancelled())
    return finish();
  std::unique_lock alone(outcome_pipe_lock(), std::defer_lock);
  // Else somebody forks, which takes its time.
  if (has_large_table() || (!early_ && !alone.try_lock()))
    return launch_on_thread();
  const int error =
      early_ ? clone_beside(launch_->plan, child_, launch_->shared) : launch_with_outcome(std::move(alone));
  if (!error)
    return launched();
  child_.outcome.reset();
  failure_ = launch_->plan.fail_to_make(error);
  if (!may_fall_back(launch_->plan, failure_))
    return finish();
  used_ = launcher::fork;
  launch_on_thread();
}

int spawn_operation::launch_with_outcome(std::unique_lock<std::mutex>)
{
  unique_fd write_end;
  const int error = make_outcome_pipe(launch_->plan, child_.outcome, write_end, O_NONBLOCK);
  return error ? error : clone_beside(launch_->plan, child_, launch_->shared);
}

void spawn_operation::launch_on_thread()
{
  leave_queue();
  early_ = false;
  auto job = [self = shared_from_this()]() mutable {
    spawn_operation& op = *self;
    if (!op.is_cancelled())
      op.launch_here();
    // The last reference must not be dropped here, and with it what is the user's.
    asio::post(op.executor_, [self = std::move(self)] { self->launched(); });
  };
  if (const std::error_code ec = run_on_launcher_thread(context(), std::move(job))) {
    failure_ = launch_->plan.fail(spawn_step::fork, ec.value(), "launcher thread");
    finish();
  }
}

// On a launcher thread. A hook may take its time, and only a fork can have any:
// its outcome is awaited on the loop.
void spawn_operation::launch_here()
{
  if (used_ == launcher::fork) {
    const int error = start_by_fork(launch_->plan, child_);
    failure_ = error ? launch_->plan.fail(spawn_step::fork, error) : spawn_failure();
    return;
  }
  launched_child launched;
  failure_ = detail::launch(launch_->plan, launched);
  used_ = launched.used;
  child_.pid = launched.pid;
  child_.pidfd = std::move(launched.pidfd);
}

void spawn_operation::launched()
{
  launch_->close_theirs();
  if (child_.pid == -1)
    return finish();
  {
    const std::lock_guard lock(mutex_);
    running_ = std::make_shared<process>(std::exchange(child_.pid, -1), std::move(child_.pidfd), process::clock::now(),
                                         kin_of(launch_->plan.settings()));
  }
  if (!child_.outcome)
    return settle();
  std::error_code ec;
  outcome_.emplace(executor_);
  outcome_->assign(child_.outcome.get(), ec);
  if (!ec) {
    static_cast<void>(child_.outcome.release());
    if (used_ == launcher::fork)
      outcome_->non_blocking(true, ec);
  }
  if (ec)
    failure_ = launch_->plan.fail(spawn_step::pipe, ec.value(), "event loop");
  if (ec || is_cancelled())
    return reap_failed();
  wait_for_outcome();
}

void spawn_operation::wait_for_outcome()
{
  outcome_->async_wait(asio::posix::descriptor_base::wait_read,
                       [self = shared_from_this()](std::error_code) { self->read_outcome(); });
}

void spawn_operation::read_outcome()
{
  const outcome_reader::result result = reader_.read(outcome_->native_handle());
  if (result == outcome_reader::result::again)
    return wait_for_outcome();
  // release() takes it out of Asio's epoll set, which close() does not; a child
  // of another launch may hold a copy.
  unique_fd(outcome_->release());
  outcome_.reset();
  leave_queue();
  const child_failure& told = launch_->shared.failure;
  failure_ = told.error ? launch_->plan.explain(told) : failure_of(launch_->plan, reader_, result);
  settle();
}

void spawn_operation::settle()
{
  child_parts parts;
  {
    const std::lock_guard lock(mutex_);
    if (!failure_ && !cancelled_)
      parts.handle = std::move(running_); // Out of reach of a cancellation.
  }
  if (!parts.handle)
    return reap_failed();
  std::ranges::move(launch_->plan.ours, parts.pipes);
  parts.used = used_;
  parts.kill_on_destroy = launch_->what.get().kill_on_destroy;
  std::error_code ec;
  async_child child = adopt_child(executor_, reaper_, std::move(parts), ec);
  if (early_ && !ec)
    *options_.early = launch_;
  if (ec)
    failure_ = launch_->plan.fail(spawn_step::pipe, ec.value(), "event loop");
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
  bool aborted = false;
  {
    const std::lock_guard lock(mutex_);
    running_.reset();
    aborted = cancelled_ && child.id() == -1;
  }
  leave_queue();
  launch_.reset();
  if (aborted)
    failure_.code = asio::error::operation_aborted;
  const std::error_code ec = failure_.code;
  if (options_.failure)
    *options_.failure = std::move(failure_);
  done_(ec, std::move(child));
}

asio::execution_context& spawn_operation::context() const
{
  return asio::query(executor_, asio::execution::context);
}

void spawn_operation::leave_queue()
{
  if (std::exchange(launching_, false))
    leave_launch_queue(context());
}

bool spawn_operation::is_cancelled()
{
  const std::lock_guard lock(mutex_);
  return cancelled_;
}

void spawn_operation::cancel(asio::cancellation_type)
{
  const std::lock_guard lock(mutex_);
  cancelled_ = true;
  if (running_)
    running_->signal(SIGKILL);
}

} // namespace subprocess::detail
