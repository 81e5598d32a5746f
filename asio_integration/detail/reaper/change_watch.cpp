#include <asio_integration/detail/reaper/change_watch.hpp>

#include <chrono>
#include <csignal>

#include <asio_integration/detail/reaper/sigchld_handler.hpp>
#include <subprocess/detail/streams/pipe.hpp>

namespace subprocess::detail {
namespace {

// How long a change can go unnoticed when its signal was lost.
constexpr std::chrono::seconds change_tick(1);

} // namespace

// Asio's service of signals is made first, and so it ends last: its handler must
// not be left when the pipe that it writes to goes.
change_watch::change_watch(asio::execution_context& context) : asio::execution_context::service(context)
{
  const standard_numbers not_for_asio;
  make_signal_service(context);
}

change_watch* change_watch::of(asio::execution_context& context, std::error_code& ec)
{
  try {
    ec.clear();
    return &asio::use_service<change_watch>(context);
  } catch (const std::system_error& error) {
    ec.assign(error.code().value(), std::system_category()); // Asio has a category of its own.
    return nullptr;
  }
}

void change_watch::add(const std::shared_ptr<process>& child, const std::shared_ptr<change_listener>& added,
                       std::error_code& ec)
{
  const std::lock_guard lock(mutex_);
  listen(ec);
  if (ec)
    return;
  listeners_.emplace(child, added);
  look_at(child); // What happened before has had its signal.
  stop_if_idle();
}

bool change_watch::remove(const std::shared_ptr<process>& child, const change_listener& removed)
{
  const std::lock_guard lock(mutex_);
  const auto [first, last] = listeners_.equal_range(child);
  for (auto one = first; one != last; ++one)
    if (one->second.get() == &removed) {
      listeners_.erase(one);
      stop_if_idle();
      return true;
    }
  return false;
}

// In a fork of the program the sets and timers may only go when Asio's own
// services touch nothing any more: with the object. Asio's service of signals may
// end before that of the reaper.
void change_watch::shutdown()
{
  if (owner_ != own_pid())
    return end_reactor(context());
  std::unique_lock lock(mutex_);
  const auto abandoned = std::exchange(listeners_, {});
  stop_if_idle();
  lock.unlock(); // A handler that goes with its operation may call back.
}

void change_watch::listen(std::error_code& ec)
{
  ec.clear();
  if (signals_)
    return;
  const standard_numbers not_for_asio;
  const loop_executor executor(context());
  signals_.emplace(executor);
  signals_->add(SIGCHLD, ec);
  if (ec) {
    ec.assign(ec.value(), std::system_category());
    signals_.reset();
    return;
  }
  restart_interrupted_calls();
  timer_.emplace(executor);
  ++round_;
  await_signal();
  await_tick();
}

void change_watch::await_signal()
{
  signals_->async_wait(wait_handler(
      [this, round = round_](std::error_code ec) {
        if (!ec)
          look_in(round, &change_watch::await_signal);
      },
      signal_memory_));
}

void change_watch::await_tick()
{
  timer_->expires_after(change_tick);
  timer_->async_wait(wait_handler(
      [this, round = round_](std::error_code ec) {
        if (!ec)
          look_in(round, &change_watch::await_tick);
      },
      tick_memory_));
}

// It waits again first: nothing that goes wrong with a listener ends the listening.
void change_watch::look_in(std::uint64_t round, void (change_watch::*wait_again)())
{
  const std::lock_guard lock(mutex_);
  if (round != round_ || !signals_)
    return;
  (this->*wait_again)();
  look_at_all();
}

void change_watch::look_at_all()
{
  for (auto one = listeners_.begin(); one != listeners_.end();) {
    const std::shared_ptr<process> child = one->first;
    look_at(child);
    one = listeners_.upper_bound(child);
  }
  stop_if_idle();
}

void change_watch::look_at(const std::shared_ptr<process>& child)
{
  const auto change = child->take_change();
  if (!change)
    return;
  const auto [first, last] = listeners_.equal_range(child);
  for (auto one = first; one != last; ++one)
    one->second->changed(*change);
  listeners_.erase(first, last);
}

void change_watch::stop_if_idle()
{
  if (!listeners_.empty())
    return;
  signals_.reset();
  timer_.reset();
}

// A copy that goes on with the context ends it as its own.
void change_watch::notify_fork(asio::execution_context::fork_event event)
{
  if (event == asio::execution_context::fork_child)
    owner_ = own_pid();
}

} // namespace subprocess::detail
