#pragma once

#include <cstddef>
#include <memory>
#include <system_error>
#include <vector>

#include <asio_integration/detail/operations/capture_operation.hpp>
#include <asio_integration/detail/operations/completion.hpp>
#include <subprocess/capture.hpp>
#include <subprocess/detail/streams/output_sink.hpp>
#include <subprocess/error.hpp>
#include <subprocess/pipeline.hpp>

namespace subprocess::detail {

/// One capture_operation for each stage. It joins them, passes cancellations on
/// to all, and completes when the last of them has.
class pipeline_operation : public operation {
public:
  using done_type = completion_owner<std::error_code, pipeline_result>;

  pipeline_operation(const callers_executors& executors, done_type done, const pipeline& what, capture_options options);
  ~pipeline_operation() override;

private:
  struct stage;

  void begin() override;
  void cancelled(asio::cancellation_type type) override;
  void out_of_memory() noexcept override;

  void start_stage(std::size_t index);
  static void stage_ended(pipeline_operation& self, std::size_t index, std::error_code ec, captured_output output);
  void stop_all(asio::cancellation_type type);
  void kill_all();
  void finish() noexcept;

  const callers_executors executors_;
  done_type done_;
  capture_options options_;
  std::shared_ptr<output_sink> sink_; // That of all stages, when there is one.
  spawn_failure failure_;             // The first.
  std::error_code error_;             // The first.
  std::vector<command> commands_;
  std::vector<std::unique_ptr<stage>> stages_;
  std::size_t running_ = 0;
  pipeline_result result_;
};

} // namespace subprocess::detail
