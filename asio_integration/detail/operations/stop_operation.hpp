#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <system_error>

#include <asio_integration/detail/operations/completion.hpp>
#include <asio_integration/detail/reaper/tracked_child.hpp>
#include <subprocess/detail/process/group_stop.hpp>
#include <subprocess/exit_status.hpp>
#include <subprocess/stop_sequence.hpp>

namespace subprocess::detail {

/// Signal, wait up to a grace, the next signal; in the end SIGKILL.
class stop_operation : public std::enable_shared_from_this<stop_operation> {
public:
  using done_type = completion_owner<std::error_code, exit_status>;

  stop_operation(const asio::any_io_executor& executor, done_type done, tracked_child child, stop_sequence sequence);

  void start();
  void cancel(asio::cancellation_type);

private:
  void begin();
  void next();
  void check(std::error_code ec);
  void wait_for_the_end();
  void wait_for(std::chrono::nanoseconds grace);
  void finish(std::error_code ec, exit_status status);

  asio::strand<asio::any_io_executor> strand_; // All below happens on it.
  done_type done_;
  tracked_child child_;
  stop_sequence sequence_;
  std::size_t step_ = 0;
  group_stop group_;
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                             asio::strand<asio::any_io_executor>>
      timer_;
  asio::cancellation_signal stop_waiting_;
};

} // namespace subprocess::detail
