#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/strand.hpp>

#include <cstddef>
#include <memory>
#include <system_error>
#include <vector>

#include <asio_integration/detail/operations/child_operation.hpp>
#include <asio_integration/detail/operations/completion.hpp>
#include <subprocess/capture.hpp>
#include <subprocess/error.hpp>
#include <subprocess/pipeline.hpp>

namespace subprocess::detail {

/// One capture_operation for each stage. It joins them, passes cancellations on
/// to all, and completes when the last of them has.
class pipeline_operation : public std::enable_shared_from_this<pipeline_operation> {
public:
  using done_type = completion_owner<std::error_code, pipeline_result>;

  pipeline_operation(const asio::any_io_executor& executor, done_type done, const pipeline& what,
                     capture_options options, supervision_options supervision = {});

  void start();
  void cancel(asio::cancellation_type type);

private:
  struct stage {
    asio::cancellation_signal stop;
    spawn_failure failure;
  };

  // All that follows happens on the strand.

  void start_stages();
  void start_stage(std::size_t index, const supervision_options& supervision);
  void stage_ended(std::size_t index, std::error_code ec, captured_output output);
  void stop_all(asio::cancellation_type type);
  void finish();

  asio::strand<asio::any_io_executor> strand_;
  done_type done_;
  capture_options options_;
  supervision_options supervision_;
  spawn_failure failure_; // The first.
  std::error_code error_; // The first.
  std::vector<command> commands_;
  std::vector<stage> stages_;
  std::size_t running_ = 0;
  asio::cancellation_type early_ = asio::cancellation_type::none; // Came before the stages.
  pipeline_result result_;
};

} // namespace subprocess::detail
