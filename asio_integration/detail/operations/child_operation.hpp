#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include <asio_integration/detail/operations/launch_operation.hpp>
#include <asio_integration/detail/operations/stop_steps.hpp>
#include <subprocess/command.hpp>
#include <subprocess/error.hpp>
#include <subprocess/exit_report.hpp>
#include <subprocess/run_options.hpp>

namespace subprocess::detail {

/// An operation that owns a child from launch to reaping. Cancelled or out of time, it
/// ends the child first, by the command's stop sequence; cancelled again, at once. The
/// child is reaped before it completes, unless that may not be signalled.
class child_operation : public launch_operation {
public:
  /// As two cancellations.
  void kill_soon();

protected:
  child_operation(const asio::any_io_executor& executor, command what, const stream_defaults& defaults,
                  const run_options& options);
  ~child_operation() override;

  // All that follows is called under the lock.

  /// The child runs. To end in await_exit().
  virtual void run(child_parts parts) = 0;

  /// The child is reaped, or never came to be, or is left to itself. `ec` is cause()
  /// when there is one. Completes, unless more than the child is waited for.
  virtual void ended(std::error_code ec, exit_status status) = 0;

  /// Cancelled, out of time or out of memory: nothing but the child is waited for any
  /// more.
  virtual void interrupted() noexcept = 0;

  /// What is known of the program, once its process is reaped.
  std::optional<exit_report> report() const { return became_program_ ? child()->report() : std::nullopt; }

  /// As two cancellations.
  void kill_now();

  const std::string& program() const noexcept { return program_; }

  /// Why the child was ended: `operation_aborted`, `ETIMEDOUT` or `ENOMEM`, whichever
  /// came first; none when it may run on.
  std::error_code cause() const noexcept { return cause_; }
  bool is_interrupted() const noexcept { return static_cast<bool>(cause_); }

  /// To be called on completion: the time limit must not hold the loop, and what failed
  /// is told where the caller wants to read it.
  void complete(std::error_code ec) noexcept;

  /// What failed when it was neither the launch nor the limit.
  virtual spawn_failure explain(std::error_code ec) const = 0;

  void out_of_memory() noexcept override;

private:
  void begin() override;
  void cancelled(asio::cancellation_type type) override;
  void launched(child_parts parts) override;
  bool spares_programs() const noexcept override { return !at_once_; }
  std::error_code why_aborted() const noexcept override { return cause_; }
  void not_launched() noexcept override;
  void exited(std::error_code ec, exit_status status) override;

  void watch_the_clock(std::chrono::steady_clock::time_point deadline);
  void time_is_up();
  void stop(std::error_code cause, bool at_once);
  void send_next();
  void kill() noexcept;
  void leave_child() noexcept;
  void tell(std::error_code ec);

  const run_options options_;
  const std::string program_;
  std::optional<loop_timer> limit_timer_;
  std::optional<loop_timer> grace_timer_;
  stop_steps steps_;
  std::error_code cause_;
  spawn_failure never_program_; // Why there was no program.
  bool runs_ = false;           // The child was launched.
  bool became_program_ = true;
  bool at_once_ = false; // Whoever asked wants no gentle signal.
  bool was_cancelled_ = false;
  bool late_ = false;
  bool ended_ = false; // The child has.
  bool over_ = false;
};

} // namespace subprocess::detail
