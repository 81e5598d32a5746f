#pragma once

#include <asio_integration/detail/operations/child_operation.hpp>

namespace subprocess::detail {

/// Spawn and wait.
class run_operation final : public child_operation {
public:
  using done_type = completion_owner<std::error_code, exit_status>;

  run_operation(const asio::any_io_executor& executor, done_type done, command what, supervision_options options = {})
      : child_operation(executor, std::move(what), stream_defaults::inherit(), options), done_(std::move(done))
  {
  }

private:
  void started() override
  {
    std::error_code ignored;
    child().stdin_pipe().close(ignored); // End-of-file, or it could wait for ever.
  }

  void ended(std::error_code ec, exit_status status) override
  {
    stop_the_clock();
    done_(ec, ec ? exit_status() : status);
  }

  done_type done_;
};

} // namespace subprocess::detail
