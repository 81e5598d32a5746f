#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/strand.hpp>

#include <chrono>
#include <memory>
#include <system_error>

#include <asio_integration/async_child.hpp>
#include <subprocess/command.hpp>
#include <subprocess/detail/launch_plan.hpp>

namespace subprocess::detail {

/// An operation that owns a child from spawn to reaping. Cancelled, it ends the
/// child first: terminal kills, partial and total ask and then kill.
class child_operation : public std::enable_shared_from_this<child_operation> {
public:
  void start();
  void cancel(asio::cancellation_type type);

protected:
  child_operation(const asio::any_io_executor& executor, command what, stream_defaults defaults);
  virtual ~child_operation() = default;

  // All that follows happens on the strand.

  /// The child runs.
  virtual void started() {}

  /// The child is reaped, or never came to be. `ec` is `operation_aborted` after
  /// a cancellation.
  virtual void ended(std::error_code ec, exit_status status) = 0;

  /// A cancellation that comes later still. There is no child to end any more.
  virtual void cancelled_after_the_end() {}

  async_child& child() noexcept { return child_; }
  bool cancelled() const noexcept { return cancelled_; }

  template <class Self>
  std::shared_ptr<Self> self(Self* derived)
  {
    return {shared_from_this(), derived};
  }

private:
  void spawned(std::error_code ec, async_child child);
  void stop(asio::cancellation_type type);

  asio::strand<asio::any_io_executor> strand_;
  command command_;
  stream_defaults defaults_;
  asio::cancellation_signal stop_spawning_;
  async_child child_;
  bool cancelled_ = false;
  bool ended_ = false;
};

} // namespace subprocess::detail
