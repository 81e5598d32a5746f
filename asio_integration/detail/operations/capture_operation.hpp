#pragma once

#include <system_error>
#include <utility>

#include <asio_integration/detail/operations/output_operation.hpp>

namespace subprocess::detail {

/// Spawn, read both streams to their ends, and wait.
class capture_operation final : public output_operation {
public:
  using done_type = completion_owner<std::error_code, captured_output>;

  capture_operation(const asio::any_io_executor& executor, done_type done, command what, capture_options options,
                    supervision_options supervision = {})
      : output_operation(executor, std::move(what), outputs::kept, std::move(options), supervision),
        done_(std::move(done))
  {
  }

private:
  void done(std::error_code ec, captured_output output) override { done_(ec, std::move(output)); }

  done_type done_;
};

} // namespace subprocess::detail
