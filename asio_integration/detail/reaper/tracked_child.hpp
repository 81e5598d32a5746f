#pragma once

#include <asio/async_result.hpp>

#include <memory>
#include <utility>

#include <asio_integration/detail/reaper/reaper_core.hpp>

namespace subprocess::detail {

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
  const reaper_core& reaper() const noexcept { return *reaper_; }

  /// See basic_async_child::async_wait.
  template <class Executor, class Handler>
  void async_wait(const Executor& executor, Handler handler) const
  {
    using operation = handler_completion<waiter, Handler, Executor, std::error_code, exit_status>;
    auto slot = asio::get_associated_cancellation_slot(handler);
    operation* const added = operation::make(std::move(handler), executor);
    if (!child_) {
      added->complete({EINVAL, std::system_category()}, {});
      return;
    }
    if (slot.is_connected())
      slot.template emplace<cancel_wait>(child_, reaper_, added->id);
    reaper_->wait(*child_, *added);
  }

  /// SIGKILL, to be reaped by a loop that stays busy for that short while.
  template <class Executor>
  void kill_and_reap(const Executor& executor) const
  {
    if (child_->current() != process::state::running || !child_->is_parent())
      return;
    child_->signal(9);
    if (reaper_->is_open())
      async_wait(executor, [](std::error_code, exit_status) {});
  }

private:
  struct cancel_wait {
    std::weak_ptr<process> child;
    std::weak_ptr<reaper_core> reaper;
    std::uint64_t waiter;

    cancel_wait(const std::shared_ptr<process>& c, const std::shared_ptr<reaper_core>& r, std::uint64_t id)
        : child(c), reaper(r), waiter(id)
    {
    }

    void operator()(asio::cancellation_type)
    {
      const auto c = child.lock();
      const auto r = reaper.lock();
      if (c && r)
        r->cancel(*c, waiter);
    }
  };

  std::shared_ptr<process> child_;
  std::shared_ptr<reaper_core> reaper_;
};

} // namespace subprocess::detail
