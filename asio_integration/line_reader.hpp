#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/async_result.hpp>

#include <functional>
#include <memory>
#include <string>
#include <system_error>

#include <asio_integration/detail/operations/initiate.hpp>
#include <asio_integration/detail/operations/make_operation.hpp>
#include <asio_integration/detail/streams/line_buffer.hpp>
#include <asio_integration/detail/streams/read_line_operation.hpp>
#include <asio_integration/line_options.hpp>

namespace subprocess {

/// Reads a stream line by line; `line_reader lines(child.stdout_pipe())`.
///
/// It reads ahead up to 16 KiB, and only while a line is asked for. What it has
/// read is lost to other readers of the stream.
///
/// Move-only. The stream has to live until the last handler is called, the reader
/// need not.
///
/// Thread safety: distinct objects are safe; one may have one read at a time.
/// \tparam Stream  An AsyncReadStream: a pipe, a terminal_stream, a socket.
template <class Stream>
class line_reader {
public:
  using executor_type = typename Stream::executor_type;

  /// Reads nothing yet.
  explicit line_reader(Stream& stream, const line_options& options = {})
      : stream_(&stream), buffer_(std::make_shared<detail::line_buffer>(options))
  {
  }

  line_reader(line_reader&&) noexcept = default;
  line_reader& operator=(line_reader&&) noexcept = default;

  /// That of the stream.
  executor_type get_executor() const { return stream_->get_executor(); }

  /// Reads the next line. The text comes without what ended it (but with the `'\r'` that
  /// a terminal puts before a newline, unless that ends a line too); a last line without
  /// an end counts as a line.
  ///
  /// Completion signature: `void(std::error_code, std::string)`.
  ///
  /// Errors: `asio::error::eof` after the last line; `EMSGSIZE` when the line is
  /// longer than allowed: the text is its beginning, of the greatest length, and
  /// the next call drops the rest and reads the next line. Those of the stream.
  ///
  /// Cancellation: terminal, partial and total. What was read stays for the next
  /// call.
  ///
  /// The handler is never invoked from within this call.
  template <asio::completion_token_for<void(std::error_code, std::string)> Token =
                asio::default_completion_token_t<executor_type>>
  auto async_read_line(Token&& token = asio::default_completion_token_t<executor_type>())
  {
    return detail::initiate<detail::make_operation<detail::read_line_operation<Stream>>, std::error_code, std::string>(
        asio::any_io_executor(get_executor()), token, std::ref(*stream_), buffer_);
  }

private:
  Stream* stream_;
  std::shared_ptr<detail::line_buffer> buffer_; // Pending reads hold it.
};

} // namespace subprocess
