#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/strand.hpp>

#include <memory>
#include <system_error>

#include <asio_integration/detail/operations/completion.hpp>
#include <asio_integration/detail/reaper/tracked_child.hpp>
#include <subprocess/child_change.hpp>
#include <subprocess/exit_status.hpp>

namespace subprocess::detail {

class change_watch;

/// Waits for the end and for all that comes before it, whichever is first.
class change_operation : public std::enable_shared_from_this<change_operation> {
public:
  using done_type = completion_owner<std::error_code, child_change>;

  change_operation(const asio::any_io_executor& executor, done_type done, tracked_child child);
  ~change_operation();

  void start();
  void cancel(asio::cancellation_type);

private:
  class listener;

  // All below happens on the strand.
  void begin();
  void wait_for_the_end();
  void give_up(std::error_code ec, const child_change& change);
  void finish(std::error_code ec, const child_change& change);

  asio::strand<asio::any_io_executor> strand_;
  done_type done_;
  tracked_child child_;
  change_watch* watch_ = nullptr; // Of the context: it outlives what happens there.
  std::shared_ptr<listener> listener_;
  asio::cancellation_signal stop_waiting_;
};

} // namespace subprocess::detail
