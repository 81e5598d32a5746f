#pragma once

#include <system_error>

#include <asio_integration/async_child.hpp>
#include <asio_integration/detail/operations/completion.hpp>
#include <asio_integration/detail/operations/launch_operation.hpp>
#include <subprocess/command.hpp>

namespace subprocess::detail {

/// One async_spawn: launch, and hand the child over.
class spawn_operation : public launch_operation {
public:
  using done_type = completion_owner<std::error_code, async_child>;

  /// \param told  Where the caller wants to read what failed; may be null.
  spawn_operation(const callers_executors& executors, done_type done, command what, spawn_failure* told = nullptr);

private:
  void begin() override { launch_child(); }
  void cancelled(asio::cancellation_type) override { abort_launch(); }
  void launched(child_parts parts) override;
  void not_launched() noexcept override;
  void exited(std::error_code, exit_status) override {}

  done_type done_;
  spawn_failure* const told_;
};

} // namespace subprocess::detail
