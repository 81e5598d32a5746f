#pragma once

#include <system_error>
#include <utility>

#include <asio_integration/detail/operations/completion.hpp>
#include <asio_integration/detail/operations/output_operation.hpp>

namespace subprocess::detail {

/// Launch and wait; a capture that keeps nothing.
class run_operation : public output_operation {
public:
  using done_type = completion_owner<std::error_code, exit_status>;

  run_operation(const callers_executors& executors, done_type done, command what, const run_options& options = {})
      : output_operation(executors.io, std::move(what), outputs::dropped, kept_nothing(options)), done_(std::move(done))
  {
  }

private:
  void done(std::error_code ec, captured_output output) noexcept override
  {
    done_(ec, ec ? exit_status() : output.status);
  }

  static capture_options kept_nothing(const run_options& options)
  {
    capture_options capture = nothing();
    capture.limit = options.limit;
    capture.failure = options.failure;
    return capture;
  }

  done_type done_;
};

} // namespace subprocess::detail
