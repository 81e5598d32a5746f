#pragma once

#include <system_error>
#include <utility>

#include <asio_integration/detail/operations/output_operation.hpp>

namespace subprocess::detail {

/// Spawn and wait; a capture that keeps nothing.
class run_operation final : public output_operation {
public:
  using done_type = completion_owner<std::error_code, exit_status>;

  run_operation(const asio::any_io_executor& executor, done_type done, command what,
                supervision_options supervision = {})
      : output_operation(executor, std::move(what), outputs::dropped, nothing(), supervision), done_(std::move(done))
  {
  }

private:
  void done(std::error_code ec, captured_output output) override { done_(ec, ec ? exit_status() : output.status); }

  done_type done_;
};

} // namespace subprocess::detail
