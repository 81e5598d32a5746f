#include <asio_integration/detail/pool/pool_supervisor.hpp>

#include <asio/error.hpp>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <utility>

#include <asio_integration/detail/pool/bind_to_program.hpp>
#include <asio_integration/detail/pool/lease_state.hpp>
#include <subprocess/command_settings.hpp>

namespace subprocess::detail {

// What the machine decides, done.

namespace {

constexpr std::size_t most_events = 1024;

// The machine knows no Asio, and says ECANCELED.
std::error_code as_told(std::error_code ec)
{
  if (ec == std::error_code(ECANCELED, std::system_category()))
    return asio::error::operation_aborted;
  return ec;
}

} // namespace

void pool_supervisor::add_command(unsigned generation, command what)
{
  const auto& streams = what.get().streams;
  if (!streams[0])
    what.stdin_from(stdio::pipe());
  if (!streams[1])
    what.stdout_to(stdio::pipe());
  what.kill_on_destroy(true);
  bind_to_program(what);
  commands_.insert_or_assign(generation, std::move(what));
}

pool_supervisor::process_pointer pool_supervisor::find(std::uint64_t number) const
{
  const auto found = processes_.find(number);
  return found == processes_.end() ? nullptr : found->second;
}

void pool_supervisor::perform(const spawn_worker& action)
{
  command what = commands_.at(action.generation);
  add_notify(what);
  const auto process = std::make_shared<pool_process>(shared_from_this(), action.worker, context(), what.get().stop);
  const auto spawning = std::make_shared<spawn_operation>(
      callers_executors{executor_, executor_}, spawn_operation::done_type(&process->spawned.expected_by(process)),
      std::move(what), &process->failure);
  process->spawning = spawning;
  to_start_.reserve(to_start_.size() + 1); // What is known is started.
  processes_.emplace(action.worker.number, process);
  to_start_.push_back(spawning);
}

// It answers by spawned(), with an error; or with a child, when that came first.
void pool_supervisor::perform(const cancel_spawn& action)
{
  const process_pointer process = find(action.worker.number);
  if (const auto spawning = process ? process->spawning.lock() : nullptr)
    spawning->cancel(asio::cancellation_type::terminal);
}

void pool_supervisor::perform(const stop_worker& action)
{
  const process_pointer process = find(action.worker.number);
  if (!process)
    return;
  process->is_stopping = true;
  stop_watching(*process);
  const auto stopping = std::make_shared<stop_operation>(
      callers_executors{executor_, executor_}, stop_operation::done_type(&process->stopped.expected_by(process)),
      process->tracked, process->stop);
  process->stopping = stopping;
  to_start_.push_back(stopping);
}

void pool_supervisor::perform(const kill_worker& action)
{
  if (const process_pointer process = find(action.worker.number))
    kill(process);
}

void pool_supervisor::kill(const process_pointer& process)
{
  process->is_stopping = true;
  stop_watching(*process);
  const std::error_code ec = process->tracked->kill(process->stop.whom);
  if (ec == std::errc::operation_not_permitted)
    give_up(*process, ec);
}

void pool_supervisor::perform(const hand_out& action)
{
  const process_pointer process = find(action.worker.number);
  auto lease =
      std::make_shared<lease_state>(lease_state{shared_from_this(), process->link, action.worker.number, executor_,
                                                loop, options_.longest_line, options_.longest_frame});
  process->is_leased = true;
  stop_watching(*process);
  askers_.remove(action.asker)->complete({}, worker_lease(std::move(lease)));
}

void pool_supervisor::perform(const refuse& action)
{
  if (lease_waiter* const one = askers_.remove(action.asker))
    one->complete(as_told(action.error), {});
}

void pool_supervisor::perform(const finish_wait& action)
{
  if (plain_waiter* const one = ready_askers_.remove(action.asker))
    one->complete(as_told(action.error));
}

void pool_supervisor::perform(const finish_replace& action)
{
  if (const auto done = replacing_.extract(action.asker)) {
    if (action.error)
      commands_.erase(done.mapped());
    else
      commands_.erase(commands_.begin(), commands_.lower_bound(done.mapped()));
  }
  if (plain_waiter* const one = replacers_.remove(action.asker))
    one->complete(as_told(action.error));
}

void pool_supervisor::perform(const finish_run& action)
{
  is_finished_ = true;
  timer_->cancel();
  close_notify();
  commands_.clear();
  runners_.complete_all(as_told(action.error));
  while (event_waiter* const one = listeners_.pop())
    one->complete(asio::error::eof, {});
}

// A timer that is set already and earlier stays: leases with a limit come and go faster
// than it expires.
void pool_supervisor::perform(const arm_timer& action)
{
  if (armed_ <= action.at)
    return;
  armed_ = action.at;
  timer_->expires_at(action.at);
  timer_->async_wait(step_of(shared_from_this(), [](pool_supervisor& self, std::error_code ec) {
    if (!ec)
      self.timer_expired();
  }));
}

void pool_supervisor::timer_expired()
{
  armed_ = never;
  if (!has_failed_)
    machine_.timer_expired(now());
}

void pool_supervisor::perform(const tell& action)
{
  pool_event event = action.event;
  event.error = as_told(event.error);
  const process_pointer process = event.kind == pool_event_kind::stopping ? find(event.worker) : nullptr;
  if (process)
    process->link->stopped_by = event.reason;
  publish(std::move(event));
}

void pool_supervisor::publish(pool_event event)
{
  event.time = std::chrono::system_clock::now();
  if (event_waiter* const one = listeners_.pop())
    return one->complete({}, std::move(event));
  if (events_.size() == most_events) {
    events_.pop_front();
    ++events_dropped_;
  }
  events_.push_back(std::move(event));
}

} // namespace subprocess::detail
