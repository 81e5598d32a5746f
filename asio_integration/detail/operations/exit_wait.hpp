#pragma once

#include <memory>
#include <system_error>
#include <utility>

#include <asio_integration/detail/reaper/reaper_core.hpp>
#include <asio_integration/detail/reaper/tracked_child.hpp>
#include <subprocess/exit_status.hpp>

namespace subprocess::detail {

/// An operation's wait for the end of a child: a step of it, on the loop, that takes no
/// memory. It keeps the operation alive while it lasts.
template <class Operation>
class exit_wait final : private waiter {
public:
  using step = void (Operation::*)(std::error_code, exit_status);

  /// Begins. When the child has ended already the step is taken within this call.
  void begin(std::shared_ptr<Operation> running, const tracked_child& child, step taken)
  {
    Operation& self = *running;
    running_ = std::move(running);
    child_ = child;
    step_ = taken;
    on_ = true;
    if (const auto end = child_.reaper().wait(*child_.handle(), *this)) {
      const std::shared_ptr<Operation> keep = std::exchange(running_, nullptr);
      on_ = false;
      (self.*step_)(end->error, end->status);
    }
  }

  /// Under the operation's lock.
  bool is_on() const noexcept { return on_; }

  /// No step will be taken. To be called under the operation's lock, by somebody who keeps
  /// the operation alive.
  void stop() noexcept
  {
    if (std::exchange(on_, false) && child_.reaper().remove(*child_.handle(), waiter::id))
      running_.reset();
  }

private:
  void complete(std::error_code ec, exit_status status) noexcept override
  {
    const std::shared_ptr<Operation> running = std::exchange(running_, nullptr);
    running->take_step([&] {
      if (std::exchange(on_, false))
        ((*running).*step_)(ec, status);
    });
  }
  void abandon() noexcept override { std::exchange(running_, nullptr).reset(); }

  // It belongs to who takes this out of the reaper's list, or to whom the reaper gives it.
  std::shared_ptr<Operation> running_;
  tracked_child child_;
  step step_ = nullptr;
  bool on_ = false;
};

} // namespace subprocess::detail
