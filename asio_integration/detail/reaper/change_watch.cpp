#include <asio_integration/detail/reaper/change_watch.hpp>

#include <asio/detail/signal_set_service.hpp>

#include <chrono>
#include <csignal>
#include <vector>

#include <asio_integration/detail/reaper/end_reactor.hpp>
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
  asio::use_service<asio::detail::signal_set_service>(context);
}

change_watch* change_watch::of(const asio::any_io_executor& executor, std::error_code& ec)
{
  try {
    ec.clear();
    return &asio::use_service<change_watch>(asio::query(executor, asio::execution::context));
  } catch (const std::system_error& error) {
    ec.assign(error.code().value(), std::system_category()); // Asio has a category of its own.
    return nullptr;
  }
}

void change_watch::add(const asio::any_io_executor& executor, const std::shared_ptr<process>& child,
                       const std::shared_ptr<change_listener>& added, std::error_code& ec)
{
  const std::lock_guard lock(mutex_);
  listen(executor, ec);
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

void change_watch::listen(const asio::any_io_executor& executor, std::error_code& ec)
{
  ec.clear();
  if (signals_)
    return;
  const standard_numbers not_for_asio;
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
  signals_->async_wait([this, round = round_](std::error_code ec, int) {
    if (ec)
      return;
    const std::lock_guard lock(mutex_);
    if (round != round_ || !signals_)
      return;
    look_at_all();
    if (signals_)
      await_signal();
  });
}

void change_watch::await_tick()
{
  timer_->expires_after(change_tick);
  timer_->async_wait([this, round = round_](std::error_code ec) {
    if (ec)
      return;
    const std::lock_guard lock(mutex_);
    if (round != round_ || !signals_)
      return;
    look_at_all();
    if (signals_)
      await_tick();
  });
}

void change_watch::look_at_all()
{
  std::vector<std::shared_ptr<process>> children;
  for (auto one = listeners_.begin(); one != listeners_.end(); one = listeners_.upper_bound(one->first))
    children.push_back(one->first);
  for (const auto& child : children)
    look_at(child);
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

} // namespace subprocess::detail
