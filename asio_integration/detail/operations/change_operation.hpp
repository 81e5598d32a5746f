#pragma once

#include <memory>
#include <system_error>

#include <asio_integration/detail/operations/completion.hpp>
#include <asio_integration/detail/operations/exit_wait.hpp>
#include <asio_integration/detail/operations/operation.hpp>
#include <subprocess/child_change.hpp>
#include <subprocess/exit_status.hpp>

namespace subprocess::detail {

class change_watch;

/// Waits for the end and for all that comes before it, whichever is first.
class change_operation : public operation {
public:
  using done_type = completion_owner<std::error_code, child_change>;

  change_operation(const callers_executors& executors, done_type done, tracked_child child);
  ~change_operation() override;

private:
  class listener;

  void begin() override;
  void cancelled(asio::cancellation_type) override;
  void out_of_memory() noexcept override;

  void exited(std::error_code ec, exit_status status);
  void give_up(std::error_code ec, const child_change& change) noexcept;
  void finish(std::error_code ec, const child_change& change) noexcept;

  done_type done_;
  const tracked_child child_;
  exit_wait<change_operation> exit_;
  change_watch* watch_ = nullptr; // Of the context: it outlives what happens there.
  std::shared_ptr<listener> listener_;
};

} // namespace subprocess::detail
