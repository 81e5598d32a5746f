#pragma once

#include <asio/any_io_executor.hpp>

#include <memory>
#include <system_error>

#include <asio_integration/async_child.hpp>
#include <asio_integration/detail/operations/initiate.hpp>
#include <asio_integration/detail/operations/make_operation.hpp>
#include <asio_integration/detail/streams/lines_operation.hpp>
#include <asio_integration/line_options.hpp>
#include <subprocess/output_line.hpp>

namespace subprocess {

/// The lines that a child writes to stdout and stderr, as they come.
///
/// It reads only while a line is asked for, and ahead no more than 16 KiB of each
/// stream: a child whose lines are not taken blocks when its pipes are full. What
/// it has read is lost to other readers of the streams. Between two streams the
/// order is that of reading: what was written at nearly the same time may come in
/// the other order. A terminal counts as stdout.
///
/// Move-only. The child's object may be moved and destroyed at any time.
///
/// Thread safety: distinct objects are safe; one may have one read at a time.
template <class Executor = asio::any_io_executor>
class basic_child_lines {
public:
  using executor_type = Executor;

  /// Those of this child; streams that are not open have ended.
  explicit basic_child_lines(basic_async_child<Executor>& child, const line_options& options = {})
      : executor_(child.get_executor()), lines_(std::make_shared<detail::output_lines<Executor>>(child.ends(), options))
  {
  }

  basic_child_lines(basic_child_lines&&) noexcept = default;
  basic_child_lines& operator=(basic_child_lines&&) noexcept = default;

  /// That of the child.
  executor_type get_executor() const { return executor_; }

  /// Gives the next line of either stream. A last line without an end counts.
  ///
  /// Completion signature: `void(std::error_code, output_line)`.
  ///
  /// Errors: `asio::error::eof` when both streams have ended; `EMSGSIZE` when the
  /// line is longer than allowed: the text is its beginning, and its rest is
  /// dropped; those of reading, after which that stream counts as ended.
  ///
  /// Cancellation: terminal, partial and total. No line is lost.
  ///
  /// The handler is never invoked from within this call.
  template <asio::completion_token_for<void(std::error_code, output_line)> Token =
                asio::default_completion_token_t<executor_type>>
  auto async_next(Token&& token = asio::default_completion_token_t<executor_type>())
  {
    return detail::initiate<detail::make_operation<detail::lines_operation<Executor>>, std::error_code, output_line>(
        asio::any_io_executor(executor_), token, lines_);
  }

private:
  Executor executor_;
  std::shared_ptr<detail::output_lines<Executor>> lines_; // Pending reads hold it.
};

/// The lines of a child on any executor.
using child_lines = basic_child_lines<>;

} // namespace subprocess
