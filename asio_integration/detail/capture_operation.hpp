#pragma once

#include <asio/steady_timer.hpp>

#include <optional>

#include <asio_integration/detail/child_operation.hpp>
#include <subprocess/capture.hpp>
#include <subprocess/detail/capture_buffer.hpp>

namespace subprocess::detail {

/// Spawn, read both streams to their ends, and wait.
class capture_operation final : public child_operation {
public:
  using done_type = completion_owner<std::error_code, captured_output>;

  capture_operation(const asio::any_io_executor& executor, done_type done, command what, capture_options options,
                    supervision_options supervision = {});

private:
  struct stream {
    explicit stream(const capture_options& options) : text(options) {}

    async_child::pipe_type* pipe = nullptr;
    capture_buffer text;
  };

  void started() override;
  void ended(std::error_code ec, exit_status status) override;
  void interrupted() override { give_up_streams(); }

  void read(stream& from);
  void was_read(stream& from, std::error_code ec);
  void stop_at_limit();
  void start_grace();
  void give_up_streams();
  void part_ended(std::error_code ec);
  void finish();

  done_type done_;
  const capture_options options_;
  stream streams_[2];
  captured_output output_;
  std::error_code error_; // The first.
  int parts_ = 1;         // The child and the streams that have not ended.
  bool giving_up_ = false;
  std::optional<asio::steady_timer> grace_; // While it passes.
};

} // namespace subprocess::detail
