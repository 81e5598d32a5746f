#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <system_error>

#include <asio_integration/async_child.hpp>
#include <asio_integration/detail/launch/launch_watch.hpp>
#include <subprocess/command.hpp>
#include <subprocess/detail/launch/launch.hpp>
#include <subprocess/error.hpp>
#include <subprocess/time_limit.hpp>

namespace subprocess::detail {

/// What every operation on a child of its own can be told.
struct supervision_options {
  time_limit limit;
  spawn_failure* failure = nullptr; // Where the caller wants to read it.
};

/// An operation that owns a child from spawn to reaping. Cancelled or out of
/// time, it ends the child first: terminal kills; partial, total and the time
/// limit go by the command's stop sequence.
class child_operation : public std::enable_shared_from_this<child_operation>, private watched_launch {
public:
  void start();
  void cancel(asio::cancellation_type type);

protected:
  child_operation(const asio::any_io_executor& executor, command what, stream_defaults defaults,
                  supervision_options options = {});
  virtual ~child_operation() = default;

  // All that follows happens on the strand.

  /// The child runs.
  virtual void started() {}

  /// The child is reaped, or never came to be. `ec` is cause() when there is one.
  virtual void ended(std::error_code ec, exit_status status) = 0;

  /// Cancelled or out of time when the child was reaped already: for what waits
  /// for more than the child.
  virtual void interrupted() {}

  async_child& child() noexcept { return child_; }

  /// Until the start.
  const command& what() const noexcept { return command_; }

  /// What is known of the program, once its process is reaped.
  std::optional<exit_report> report() const { return became_program_ ? child_.report() : std::nullopt; }

  /// Why the child was ended: `operation_aborted` or `ETIMEDOUT`, whichever came
  /// first; none when it may run on.
  std::error_code cause() const noexcept { return cause_; }
  bool cancelled() const noexcept { return static_cast<bool>(cause_); }

  /// To be called on completion: the time limit must not hold the loop.
  void stop_the_clock();

  template <class Self>
  std::shared_ptr<Self> self(Self* derived)
  {
    return {shared_from_this(), derived};
  }

private:
  void watch_the_clock(std::chrono::steady_clock::time_point deadline);
  void time_is_up();
  void spawned(std::error_code ec, async_child child);
  void reaped(std::error_code ec, exit_status status);
  void never_a_program(spawn_failure failure);
  void look_again() override;
  bool is_program();
  void stop(asio::cancellation_type type, std::error_code cause);
  void kill();

  asio::strand<asio::any_io_executor> strand_;
  const stop_sequence stop_;
  command command_; // Until the start: it may own what others wait to see closed.
  stream_defaults defaults_;
  supervision_options options_;
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                             asio::strand<asio::any_io_executor>>
      timer_;
  asio::cancellation_signal stop_spawning_;
  async_child child_;
  launch_pointer launch_; // Of a child that may fail yet.
  launch_watch* watch_ = nullptr;
  bool became_program_ = true;
  std::error_code cause_;
  bool stopping_ = false;
  bool late_ = false;
  bool reaped_ = false;
  bool done_ = false;
};

} // namespace subprocess::detail
