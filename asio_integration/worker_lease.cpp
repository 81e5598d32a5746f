#include <asio_integration/worker_lease.hpp>

#include <sys/ioctl.h>

#include <asio/query.hpp>
#include <asio/system_executor.hpp>

#include <utility>

#include <asio_integration/detail/pool/lease_state.hpp>
#include <asio_integration/detail/pool/pool_core.hpp>

namespace subprocess {
namespace {

using lease_end = detail::pool_core::lease_end;

bool has_unread(detail::worker_link& worker)
{
  int waiting = 0;
  auto& out = worker.child.stdout_pipe();
  return !worker.unread.is_empty() ||
         (out.is_open() && ::ioctl(out.native_handle(), FIONREAD, &waiting) == 0 && waiting > 0);
}

int count_open(detail::worker_link& worker)
{
  return int(worker.child.stdin_pipe().is_open()) + int(worker.child.stdout_pipe().is_open());
}

lease_end end_of(const detail::lease_state& state, bool is_done)
{
  detail::worker_link& worker = *state.worker;
  if (worker.is_broken)
    return lease_end::broken;
  if (!is_done || worker.is_busy)
    return lease_end::dropped;
  if (state.lent_streams && count_open(worker) < state.open_streams)
    return lease_end::dropped;
  // What comes after the last answer is found by who watches an idle worker, or by the
  // next exchange before it sends anything.
  if (worker.was_drained && !state.lent_streams)
    return lease_end::done;
  return has_unread(worker) ? lease_end::broken : lease_end::done;
}

} // namespace

worker_lease::worker_lease() noexcept = default;

worker_lease::worker_lease(std::shared_ptr<detail::lease_state> state) noexcept : state_(std::move(state))
{
}

worker_lease::worker_lease(worker_lease&& other) noexcept : state_(std::move(other.state_))
{
}

worker_lease& worker_lease::operator=(worker_lease&& other) noexcept
{
  if (this != &other) {
    give_back(false);
    state_ = std::move(other.state_);
  }
  return *this;
}

worker_lease::~worker_lease()
{
  give_back(false);
}

worker_lease::executor_type worker_lease::get_executor() const
{
  return state_ ? state_->executor : none_.get_executor();
}

async_child& worker_lease::child()
{
  if (!state_)
    return none_;
  if (!std::exchange(state_->lent_streams, true))
    state_->open_streams = count_open(*state_->worker);
  return state_->worker->child;
}

std::optional<exit_status> worker_lease::lost() const
{
  return state_ ? state_->worker->child.status() : std::nullopt;
}

void worker_lease::done()
{
  give_back(true);
}

detail::event_queue worker_lease::loop() const
{
  return state_ ? state_->loop : detail::event_queue(asio::query(none_.get_executor(), asio::execution::context));
}

std::shared_ptr<detail::worker_link> worker_lease::link() const noexcept
{
  return state_ ? state_->worker : nullptr;
}

std::size_t worker_lease::longest(detail::answer_shape shape) const noexcept
{
  if (!state_)
    return 0;
  return shape == detail::answer_shape::line ? state_->longest_line : state_->longest_frame;
}

void worker_lease::give_back(bool is_done) noexcept
{
  if (const auto state = std::exchange(state_, nullptr))
    state->pool->give_back(state->number, end_of(*state, is_done));
}

} // namespace subprocess
