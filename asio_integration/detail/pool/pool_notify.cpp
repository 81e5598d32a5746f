#include <asio_integration/detail/pool/pool_supervisor.hpp>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include <asio_integration/detail/pool/notify_socket.hpp>

namespace subprocess::detail {

// What workers say on NOTIFY_SOCKET, told to the machine.

namespace {

// Between two turns of the loop; anybody may send.
constexpr int most_at_once = 64;

// From processes that may be workers which are only just being started.
constexpr std::size_t most_held = 64;

// A worker's systemd-notify is a child of its shell, rarely more than that.
constexpr int most_generations = 16;

} // namespace

std::error_code pool_supervisor::open_notify()
{
  std::error_code ec;
  if (options_.ready.by() != readiness::sign::notify && options_.watchdog.count() <= 0)
    return ec;
  unique_fd socket = open_notify_socket(notify_name_, ec);
  if (ec)
    return ec;
  notify_.emplace(loop_executor(context()));
  notify_->assign(socket.get(), ec);
  if (ec) {
    notify_.reset();
    return {ec.value(), std::system_category()};
  }
  static_cast<void>(socket.release()); // A failed assign() owns nothing.
  await_notify();
  return ec;
}

// release() takes it out of Asio's epoll set, which close() does not; a child that is
// being launched may hold a copy.
void pool_supervisor::close_notify() noexcept
{
  if (notify_)
    unique_fd(notify_->release());
  notify_.reset();
  held_.clear();
}

void pool_supervisor::add_notify(command& what) const
{
  if (notify_)
    what.env("NOTIFY_SOCKET", notify_name_);
  if (options_.watchdog.count() > 0) {
    const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(options_.watchdog);
    what.env("WATCHDOG_USEC", std::to_string(microseconds.count())).env_remove("WATCHDOG_PID");
  }
}

void pool_supervisor::await_notify()
{
  notify_->async_wait(notify_->wait_read, step_of(shared_from_this(), [](pool_supervisor& self, std::error_code ec) {
                        if (ec || !self.notify_ || self.has_failed_)
                          return;
                        self.read_notify();
                        self.await_notify();
                      }));
}

void pool_supervisor::read_notify()
{
  for (int i = 0; notify_ && i < most_at_once; ++i) {
    const auto received = receive_notify(notify_->native_handle());
    if (!received)
      return;
    if (const auto message = parse_notify(received->text))
      sort_out({received->sender, *message});
  }
}

// What a worker says first may come before it is known to be one.
void pool_supervisor::sort_out(said what)
{
  if (const process_pointer worker = worker_of(what.sender))
    return heard(*worker, what.message);
  const auto is_starting = [](const auto& one) { return !one.second->tracked; };
  if (what.sender > 0 && held_.size() < most_held && std::ranges::any_of(processes_, is_starting))
    held_.push_back(std::move(what));
}

void pool_supervisor::sort_out_held()
{
  for (said& one : std::exchange(held_, {}))
    sort_out(std::move(one));
}

/// The worker that is this process, or has it for a descendant.
pool_supervisor::process_pointer pool_supervisor::worker_of(pid_t sender) const
{
  for (int i = 0; sender > 1 && i < most_generations; ++i, sender = parent_of(sender))
    for (const auto& [number, process] : processes_)
      if (process->tracked && (process->tracked->id() == sender || process->main_pid == sender))
        return process;
  return nullptr;
}

void pool_supervisor::heard(pool_process& process, const notify_message& message)
{
  if (message.main_pid && worker_of(*message.main_pid).get() == &process)
    process.main_pid = *message.main_pid;
  if (message.extend_timeout) {
    machine_.extend_start(process.id, *message.extend_timeout, now());
    if (const auto stopping = process.stopping.lock())
      stopping->extend(later(now(), *message.extend_timeout));
  }
  if (!message.status.empty())
    publish({.kind = pool_event_kind::says,
             .slot = process.id.slot,
             .worker = process.id.number,
             .pid = process.tracked->id(),
             .text = message.status});
  if (message.is_reloading)
    machine_.reloading(process.id);
  if (message.is_ready && options_.ready.by() == readiness::sign::notify)
    became_ready(process);
  if (message.sign == notify_message::watchdog::alive)
    machine_.alive(process.id, now());
  if (message.is_stopping)
    machine_.leaves(process.id);
  if (message.sign == notify_message::watchdog::trigger)
    machine_.alarm(process.id);
}

} // namespace subprocess::detail
