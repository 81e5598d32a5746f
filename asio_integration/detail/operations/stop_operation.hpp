#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <system_error>

#include <asio_integration/detail/operations/completion.hpp>
#include <asio_integration/detail/operations/exit_wait.hpp>
#include <asio_integration/detail/operations/operation.hpp>
#include <asio_integration/detail/operations/stop_steps.hpp>
#include <subprocess/exit_status.hpp>
#include <subprocess/stop_sequence.hpp>

namespace subprocess::detail {

/// Signal, wait up to a grace, the next signal; in the end SIGKILL.
class stop_operation : public operation {
public:
  using done_type = completion_owner<std::error_code, exit_status>;

  stop_operation(const callers_executors& executors, done_type done, tracked_child child, stop_sequence sequence);

  /// The next signal comes no sooner than then. Safe from any thread.
  void extend(std::chrono::steady_clock::time_point until);

private:
  void begin() override;
  void cancelled(asio::cancellation_type) override;
  void out_of_memory() noexcept override;

  void send_next();
  void await_next();
  void finish(std::error_code ec, exit_status status) noexcept;

  done_type done_;
  const tracked_child child_;
  const stop_sequence sequence_;
  stop_steps steps_;
  exit_wait<stop_operation> exit_;
  std::optional<loop_timer> timer_;
};

} // namespace subprocess::detail
