#include <asio_integration/detail/operations/spawn_operation.hpp>

#include <asio/post.hpp>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <new>
#include <thread>
#include <utility>

#include <asio_integration/detail/launch/launcher_threads.hpp>
#include <asio_integration/detail/launch/start_child.hpp>
#include <subprocess/detail/process/orphans.hpp>

namespace subprocess::detail {
namespace {

// What a launcher thread spends on an exec at most.
constexpr std::chrono::milliseconds usual_exec(20);

} // namespace

spawn_operation::spawn_operation(const asio::any_io_executor& executor, done_type done, command what,
                                 const stream_defaults& defaults, spawn_options options)
    : executor_(executor), done_(std::move(done)), options_(options),
      launch_(make_launch(std::move(what), defaults, failure_))
{
}

void spawn_operation::start()
{
  reap_orphans();
  if (failure_)
    return finish();
  std::error_code ec;
  reaper_ = reaper_core::of(executor_, ec);
  if (ec) {
    failure_ = launch_->fail(spawn_step::prepare, ec.value(), "event loop");
    return finish();
  }
  // Somebody who forks holds the gate, which takes its time.
  launch_gate gate;
  std::unique_lock lock(gate, std::defer_lock);
  if (!launch_->is_short() || !lock.try_lock())
    return start_on_thread();
  // The group of a child that is no program yet may not be there to be signalled.
  if (options_.early && !launch_->settings().makes_group())
    how_ = told_by::end;
  start_here(how_, std::move(lock));
  if (!failure_ && !launch_->has_child())
    return start_on_thread();
  started();
}

void spawn_operation::start_on_thread()
{
  how_ = told_by::pipe;
  auto job = [self = shared_from_this()]() mutable {
    launch_gate gate;
    while (!self->failure_ && !self->launch_->has_child() && !self->is_cancelled())
      self->start_here(told_by::looking, std::unique_lock(gate));
    self->wait_briefly();
    // The last reference must not be dropped here, and with it what is the user's. A lack
    // of memory passes, and this thread may wait for that.
    for (;;)
      try {
        const asio::any_io_executor executor = self->executor_;
        asio::post(executor, [self] { self->started(); });
        return self.reset();
      } catch (const std::bad_alloc&) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
  };
  const std::error_code ec = run_on_launcher_thread(context(), std::move(job));
  if (!ec)
    return;
  // For lack of threads this is an error; but who may have none at all (a sandbox that
  // refuses clone3) is served here.
  if (ec == std::errc::resource_unavailable_try_again) {
    failure_ = launch_->fail(spawn_step::fork, ec.value(), "launcher thread");
    return finish();
  }
  launch_gate gate;
  while (!failure_ && !launch_->has_child())
    start_here(told_by::pipe, std::unique_lock(gate));
  started();
}

void spawn_operation::start_here(told_by how, std::unique_lock<launch_gate> gate) noexcept
{
  try {
    launch_->start(how, std::move(gate), failure_);
  } catch (const std::bad_alloc&) {
    failure_.code.assign(ENOMEM, std::system_category());
  }
}

// On a launcher thread, where no pipe is needed to hear of a usual exec: its end would be
// one more number for the child to keep, after thousands of others. Of a slow exec the
// loop hears when it looks.
void spawn_operation::wait_briefly() noexcept
{
  if (!launch_->has_child() || launch_->used() == launcher::fork)
    return;
  spawn_failure ignored;
  try {
    launch_->wait_briefly(usual_exec, ignored);
  } catch (const std::bad_alloc&) { // The loop asks again.
  }
}

void spawn_operation::started()
{
  if (!launch_->has_child())
    return finish();
  {
    const std::lock_guard lock(mutex_);
    running_ = launch_->handle();
    if (cancelled_)
      running_->signal(SIGKILL);
  }
  if (how_ == told_by::end)
    return settle();
  watch_outcome();
}

void spawn_operation::watch_outcome()
{
  std::error_code ec;
  watch_ = &asio::use_service<launch_watch>(context());
  std::unique_lock lock(mutex_);
  unique_fd outcome = launch_->take_outcome();
  if (!outcome) {
    watch_->add(reaper_->executor(), *this, shared_from_this());
    lock.unlock();
    return look();
  }
  outcome_.emplace(executor_);
  outcome_->assign(outcome.get(), ec);
  if (!ec)
    static_cast<void>(outcome.release()); // A failed assign() owns nothing.
  if (ec) {
    outcome_.reset();
    failure_ = launch_->fail(spawn_step::pipe, ec.value(), "event loop");
    lock.unlock();
    return settle();
  }
  watch_->add(reaper_->executor(), *this, shared_from_this());
  outcome_->async_wait(asio::posix::descriptor_base::wait_read,
                       [self = shared_from_this()](std::error_code) { self->outcome_ended(); });
}

// release() takes it out of Asio's epoll set, which close() does not; a child of
// another launch may hold a copy.
void spawn_operation::close_outcome()
{
  unique_fd(outcome_->release());
  outcome_.reset();
}

void spawn_operation::outcome_ended()
{
  {
    const std::lock_guard lock(mutex_);
    if (!outcome_)
      return;
    close_outcome();
    launch_->outcome_ended();
  }
  look();
}

void spawn_operation::look_again()
{
  asio::post(executor_, [self = shared_from_this()] {
    {
      const std::lock_guard lock(self->mutex_);
      if (self->settled_)
        return;
      self->launch_->nudge();
    }
    self->look();
  });
}

void spawn_operation::look()
{
  {
    const std::lock_guard lock(mutex_);
    // A child that was killed before its exec may have left something behind that would
    // go on for it; nobody waits for that.
    if (settled_ || !(launch_->has_verdict(failure_) || (cancelled_ && running_->has_ended())))
      return;
    settled_ = true;
    if (outcome_) // Somebody else holds the other end.
      close_outcome();
  }
  settle();
}

void spawn_operation::settle()
{
  bool failed = static_cast<bool>(failure_);
  if (watch_)
    watch_->remove(*this);
  {
    const std::lock_guard lock(mutex_);
    settled_ = true;
    failed |= cancelled_;
    if (!failed)
      running_.reset(); // Out of reach of a cancellation.
  }
  failed ? reap_failed() : hand_over();
}

void spawn_operation::hand_over()
{
  std::error_code ec;
  async_child child = adopt_child(executor_, reaper_, launch_->take(), ec);
  if (ec)
    failure_ = launch_->fail(spawn_step::pipe, ec.value(), "event loop");
  else if (how_ == told_by::end)
    *options_.early = launch_;
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
    settled_ = true;
  }
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
