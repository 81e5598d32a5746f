#pragma once

#include <memory>
#include <system_error>

#include <asio_integration/detail/operations/child_operation.hpp>
#include <asio_integration/detail/streams/output_reader.hpp>
#include <subprocess/capture.hpp>

namespace subprocess::detail {

/// Launch, read what the child writes to us, and wait.
class output_operation : public child_operation, private output_reader<loop_executor> {
protected:
  output_operation(const asio::any_io_executor& executor, command what, outputs kept, capture_options options);

private:
  /// The child is reaped, and nothing more is read; or it never came to be.
  virtual void done(std::error_code ec, captured_output output) noexcept = 0;

  void run(child_parts parts) override;
  void ended(std::error_code ec, exit_status status) override;
  void interrupted() noexcept override { give_up_streams(); }
  spawn_failure explain(std::error_code ec) const override;

  std::shared_ptr<operation> running() override { return shared_from_this(); }
  void kill_at_limit() override;
  void sink_failed() override { kill_now(); }
  void streams_ended() override;

  void finish() noexcept;

  captured_output output_;
  std::error_code wait_error_;
  bool child_ended_ = false;
  bool finished_ = false;
};

} // namespace subprocess::detail
