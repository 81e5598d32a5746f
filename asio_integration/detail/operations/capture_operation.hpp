#pragma once

#include <system_error>
#include <utility>

#include <asio_integration/detail/operations/completion.hpp>
#include <asio_integration/detail/operations/output_operation.hpp>

namespace subprocess::detail {

/// Launch, read both streams to their ends, and wait.
class capture_operation : public output_operation {
public:
  using done_type = completion_owner<std::error_code, captured_output>;

  capture_operation(const callers_executors& executors, done_type done, command what, capture_options options)
      : output_operation(executors.io, std::move(what), outputs::kept, std::move(options)), done_(std::move(done))
  {
  }

private:
  void done(std::error_code ec, captured_output output) noexcept override { done_(ec, std::move(output)); }

  done_type done_;
};

} // namespace subprocess::detail
