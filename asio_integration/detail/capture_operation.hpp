#pragma once

#include <asio_integration/detail/child_operation.hpp>
#include <subprocess/capture.hpp>

namespace subprocess::detail {

/// Spawn, read both streams to their ends, and wait.
class capture_operation final : public child_operation {
public:
  using done_type = completion_owner<std::error_code, captured_output>;

  capture_operation(const asio::any_io_executor& executor, done_type done, command what);

private:
  void started() override;
  void ended(std::error_code ec, exit_status status) override;
  void cancelled_after_the_end() override { give_up_streams(); }

  void read(async_child::pipe_type& pipe, std::string& text);
  void give_up_streams();
  void part_ended(std::error_code ec);

  done_type done_;
  captured_output output_;
  std::error_code error_; // The first.
  int parts_ = 1;         // The child and the streams that have not ended.
  bool giving_up_ = false;
};

} // namespace subprocess::detail
