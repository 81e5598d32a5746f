#pragma once

#include <memory>
#include <system_error>

#include <asio_integration/detail/operations/child_operation.hpp>
#include <asio_integration/detail/streams/output_reader.hpp>
#include <subprocess/capture.hpp>

namespace subprocess::detail {

/// Spawn, read both streams to their ends, and wait.
class capture_operation final : public child_operation, private output_reader<asio::any_io_executor> {
public:
  using done_type = completion_owner<std::error_code, captured_output>;

  capture_operation(const asio::any_io_executor& executor, done_type done, command what, capture_options options,
                    supervision_options supervision = {});

private:
  void started() override;
  void ended(std::error_code ec, exit_status status) override;
  void interrupted() override { give_up_streams(); }

  std::shared_ptr<void> alive() override { return shared_from_this(); }
  void kill_at_limit() override;
  void streams_ended() override;

  void finish();

  done_type done_;
  captured_output output_;
  std::error_code wait_error_;
  bool ended_ = false; // The child has.
};

} // namespace subprocess::detail
