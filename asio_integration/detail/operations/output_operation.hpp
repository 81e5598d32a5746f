#pragma once

#include <memory>
#include <system_error>

#include <asio_integration/detail/operations/child_operation.hpp>
#include <asio_integration/detail/streams/output_reader.hpp>
#include <subprocess/capture.hpp>

namespace subprocess::detail {

/// Spawn, read what the child writes to us, and wait.
class output_operation : public child_operation, private output_reader<asio::any_io_executor> {
protected:
  output_operation(const asio::any_io_executor& executor, command what, outputs kept, capture_options options,
                   supervision_options supervision);

private:
  /// The child is reaped, and nothing more is read; or it never came to be.
  virtual void done(std::error_code ec, captured_output output) = 0;

  void started() override;
  void ended(std::error_code ec, exit_status status) override;
  void interrupted() override { give_up_streams(); }

  std::shared_ptr<void> alive() override { return shared_from_this(); }
  void kill_at_limit() override;
  void streams_ended() override;

  void finish();

  captured_output output_;
  std::error_code wait_error_;
  bool ended_ = false; // The child has.
};

} // namespace subprocess::detail
