#pragma once

#include <asio/associated_cancellation_slot.hpp>
#include <asio/cancellation_type.hpp>

#include <cstdint>
#include <memory>
#include <system_error>
#include <utility>

#include <asio_integration/detail/operations/completion.hpp>
#include <asio_integration/detail/reaper/waiter.hpp>
#include <subprocess/detail/process/process.hpp>
#include <subprocess/stop_sequence.hpp>

namespace subprocess::detail {

class reaper_core;

/// A child and the reaper that watches it: what operations hold, so that the
/// async_child may be moved or destroyed under them.
class tracked_child {
public:
  tracked_child() noexcept = default;
  tracked_child(std::shared_ptr<process> child, std::shared_ptr<reaper_core> reaper) noexcept
      : child_(std::move(child)), reaper_(std::move(reaper))
  {
  }

  explicit operator bool() const noexcept { return child_ != nullptr; }
  process* operator->() const noexcept { return child_.get(); }
  const std::shared_ptr<process>& handle() const noexcept { return child_; }
  reaper_core& reaper() const noexcept { return *reaper_; }

  /// See basic_async_child::async_wait.
  template <class Executor, class Handler>
  void async_wait(const Executor& executor, Handler handler) const
  {
    using handler_waiter = handler_completion<waiter, Handler, Executor, std::error_code, exit_status>;
    auto slot = asio::get_associated_cancellation_slot(handler);
    handler_waiter* const made = handler_waiter::make(std::move(handler), executor);
    completion_owner<std::error_code, exit_status> added(made);
    if (child_ && slot.is_connected())
      slot.template emplace<cancel_wait>(child_, reaper_, made->id);
    added.release();
    wait(*made);
  }

  /// SIGKILL, to be reaped by a loop that stays busy for that short while. One that may
  /// not be signalled holds no loop.
  void kill_and_reap() const noexcept;

  /// The same by a stop sequence, in the background.
  void stop_and_reap(const stop_sequence& sequence) const noexcept;

private:
  class cancel_wait {
  public:
    cancel_wait(const std::shared_ptr<process>& child, const std::shared_ptr<reaper_core>& reaper,
                std::uint64_t id) noexcept
        : child_(child), reaper_(reaper), id_(id)
    {
    }

    void operator()(asio::cancellation_type);

  private:
    std::weak_ptr<process> child_;
    std::weak_ptr<reaper_core> reaper_;
    std::uint64_t id_;
  };

  /// Has it told of the end, now or later.
  void wait(waiter& added) const noexcept;

  std::shared_ptr<process> child_;
  std::shared_ptr<reaper_core> reaper_;
};

} // namespace subprocess::detail
