#include <asio_integration/detail/operations/launch_operation.hpp>

#include <asio/error.hpp>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <new>
#include <utility>

#include <asio_integration/detail/launch/launcher_threads.hpp>
#include <subprocess/command_settings.hpp>
#include <subprocess/detail/process/orphans.hpp>

namespace subprocess::detail {
namespace {

// What a launcher thread spends on an exec at most.
constexpr std::chrono::milliseconds usual_exec(20);

const std::error_code no_memory(ENOMEM, std::system_category());

} // namespace

void launch_operation::arrival::run(loop_task& task, bool is_over)
{
  auto& self = static_cast<arrival&>(task);
  const std::shared_ptr<operation> keep = std::exchange(self.alive, nullptr);
  if (!is_over)
    keep->take_step([&] { self.operation_.started(); });
}

launch_operation::launch_operation(const asio::any_io_executor& executor, command what, const stream_defaults& defaults,
                                   handover when)
    : executor_(executor), launch_(make_launch(std::move(what), defaults, failure_)), when_(when), arrival_(*this)
{
}

launch_operation::~launch_operation() = default;

bool launch_operation::prepare_loop()
{
  std::error_code ec;
  if (!failure_ && !reaper_)
    reaper_ = reaper_core::of(context(), ec);
  if (ec)
    failure_ = launch_->fail(spawn_step::prepare, ec.value(), "event loop");
  return !failure_;
}

void launch_operation::launch_child()
{
  reap_orphans();
  if (!prepare_loop())
    return failed();
  room_ = reap_table::make_place();
  watch_ = &asio::use_service<launch_watch>(context());
  watch_->prepare();
  // A context that was made for one thread is served by that one.
  if (!event_queue::is_thread_safe(context())) {
    try_here(told_by::pipe);
    return started();
  }
  // Somebody who forks holds the gate, which takes its time.
  launch_gate gate;
  std::unique_lock lock(gate, std::defer_lock);
  if (!launch_->is_short() || !lock.try_lock())
    return start_on_thread();
  // The group of a child that is no program yet may not be there to be signalled.
  // And who observes is to hear of its exec.
  if (when_ == handover::early && !launch_->settings().makes_group() && !launch_->is_observed())
    how_ = told_by::end;
  start_here(how_, std::move(lock));
  if (!failure_ && !launch_->has_child())
    return start_on_thread();
  started();
}

void launch_operation::start_on_thread()
{
  how_ = told_by::pipe;
  auto job = [alive = shared_from_this(), self = this]() mutable {
    launch_gate gate;
    while (!self->failure_ && !self->launch_->has_child() && !self->aborted_)
      self->start_here(told_by::looking, std::unique_lock(gate));
    self->wait_briefly();
    // The last reference must not be dropped here, and with it what is the user's.
    event_queue loop(self->context());
    self->arrival_.alive = std::move(alive);
    loop.post(self->arrival_);
  };
  const std::error_code ec = run_on_launcher_thread(context(), std::move(job));
  if (!ec)
    return;
  // For lack of threads this is an error; but who may have none at all (a sandbox that
  // refuses clone3) is served here.
  if (ec == std::errc::resource_unavailable_try_again)
    failure_ = launch_->fail(spawn_step::fork, ec.value(), "launcher thread");
  else
    try_here(told_by::pipe);
  started();
}

void launch_operation::try_here(told_by how) noexcept
{
  launch_gate gate;
  while (!failure_ && !launch_->has_child())
    start_here(how, std::unique_lock(gate));
}

void launch_operation::start_here(told_by how, std::unique_lock<launch_gate> gate) noexcept
{
  try {
    launch_->start(how, std::move(gate), failure_);
  } catch (const std::bad_alloc&) {
    failure_.code = no_memory;
  }
}

// On a launcher thread, where no pipe is needed to hear of a usual exec: its end would be
// one more number for the child to keep, after thousands of others. Of a slow exec the
// loop hears when it looks.
void launch_operation::wait_briefly() noexcept
{
  if (!launch_->has_child() || launch_->used() == launcher::fork)
    return;
  spawn_failure ignored;
  try {
    launch_->wait_briefly(usual_exec, ignored);
  } catch (const std::bad_alloc&) { // The loop asks again.
  }
}

void launch_operation::started()
{
  if (!launch_->has_child())
    return failed();
  process_ = launch_->handle();
  // A launcher thread's child may have been a program already, and spoken, before the
  // loop knew that there is one.
  if (aborted_ && spares_programs() && launch_->has_verdict(failure_) && !failure_)
    aborted_ = false;
  if (aborted_)
    process_->signal(SIGKILL);
  watch_->add(*this, shared_from_this());
  if (how_ == told_by::end)
    return adopt();
  watch_outcome();
}

void launch_operation::watch_outcome()
{
  unique_fd outcome = launch_->take_outcome();
  if (!outcome)
    return look();
  std::error_code ec;
  outcome_.emplace(loop_executor(context()));
  outcome_->assign(outcome.get(), ec);
  if (ec) {
    outcome_.reset(); // A failed assign() owns nothing.
    failure_ = launch_->fail(spawn_step::pipe, ec.value(), "event loop");
    return settle();
  }
  static_cast<void>(outcome.release());
  outcome_->async_wait(asio::posix::descriptor_base::wait_read,
                       step_of(self(this), [](launch_operation& op, std::error_code) { op.outcome_ended(); }));
}

// release() takes it out of Asio's epoll set, which close() does not; a child of
// another launch may hold a copy.
void launch_operation::close_outcome() noexcept
{
  if (!outcome_)
    return;
  if (outcome_->is_open())
    unique_fd(outcome_->release());
  outcome_.reset();
}

void launch_operation::outcome_ended()
{
  if (!outcome_)
    return;
  close_outcome();
  launch_->outcome_ended();
  look();
}

void launch_operation::look_again()
{
  take_step([this] {
    if (settled_ ? is_program() : (launch_->nudge(), look(), settled_))
      watch_->remove(*this);
    else if (settled_)
      launch_->nudge();
  });
}

void launch_operation::look()
{
  if (settled_)
    return;
  // In a fork of the program nothing is heard of the parent's child.
  if (!process_->is_parent())
    failure_.code.assign(ECHILD, std::system_category());
  // Of a child that is being killed no verdict is needed, and where a sandbox refuses to
  // say whether it has ended there may be none. The reaper will know.
  else if (!launch_->has_verdict(failure_) && !aborted_)
    return;
  settle();
}

void launch_operation::settle()
{
  settled_ = true;
  watch_->remove(*this);
  close_outcome(); // Somebody else may hold the other end.
  failure_ || aborted_ ? reap_failed() : adopt();
}

void launch_operation::adopt()
{
  settled_ = true;
  reaper_->track(std::move(room_), process_);
  launched(launch_->take());
}

void launch_operation::reap_failed() noexcept
{
  failing_ = true;
  const std::error_code refused = process_->signal(SIGKILL); // It is ending already, or must.
  if (room_)
    reaper_->track(std::move(room_), process_);
  if (refused == std::errc::operation_not_permitted || !process_->is_parent())
    return failed();
  if (!is_awaiting_exit())
    await_exit();
}

void launch_operation::failed() noexcept
{
  failing_ = false;
  if (watch_)
    watch_->remove(*this);
  if (aborted_)
    failure_.code = why_aborted();
  launch_->tell_failed(failure_);
  not_launched();
  launch_.reset();
}

void launch_operation::fail_after_launch(spawn_step step, std::error_code ec)
{
  failure_ = launch_->fail(step, ec.value(), "event loop");
  reap_failed();
}

void launch_operation::out_of_memory() noexcept
{
  if (!launch_ || failing_)
    return;
  if (!failure_)
    failure_.code = no_memory;
  if (!process_)
    return failed();
  if (!std::exchange(settled_, true)) {
    watch_->remove(*this);
    close_outcome();
  }
  reap_failed();
}

void launch_operation::await_exit()
{
  exit_.begin(self(this), tracked_child(process_, reaper_), &launch_operation::ended);
}

void launch_operation::ended(std::error_code ec, exit_status status)
{
  watch_->remove(*this);
  failing_ ? failed() : exited(ec, status);
}

void launch_operation::stop_awaiting_exit() noexcept
{
  watch_->remove(*this);
  exit_.stop();
}

bool launch_operation::never_became_program(spawn_failure& why) noexcept
{
  try {
    return how_ == told_by::end && launch_ && launch_->has_verdict(why) && why;
  } catch (const std::bad_alloc&) { // Of why there is nothing to be said.
    return true;
  }
}

bool launch_operation::is_program()
{
  spawn_failure ignored;
  return !launch_ || how_ != told_by::end || launch_->has_verdict(ignored);
}

void launch_operation::take_verdict()
{
  if (process_)
    look();
}

void launch_operation::abort_launch() noexcept
{
  aborted_ = true;
  if (process_ && !settled_)
    process_->signal(SIGKILL);
}

} // namespace subprocess::detail
