#pragma once

#include <asio/buffer.hpp>
#include <asio/compose.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>

#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include <asio_integration/detail/line_buffer.hpp>

namespace subprocess {

/// The greatest length of a line unless told otherwise.
inline constexpr std::size_t default_longest_line = std::size_t(1) << 20;

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

  /// \param longest  The greatest length of a line, in bytes without its newline.
  explicit line_reader(Stream& stream, std::size_t longest = default_longest_line)
      : stream_(&stream), buffer_(std::make_shared<detail::line_buffer>(longest))
  {
  }

  line_reader(line_reader&&) noexcept = default;
  line_reader& operator=(line_reader&&) noexcept = default;

  executor_type get_executor() const { return stream_->get_executor(); }

  /// Reads the next line. The text comes without the newline (but with the '\r'
  /// that a terminal puts before it); a last line without one counts as a line.
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
    return asio::async_compose<Token, void(std::error_code, std::string)>(read_operation(*stream_, buffer_), token,
                                                                          *stream_);
  }

private:
  class read_operation {
  public:
    read_operation(Stream& stream, std::shared_ptr<detail::line_buffer> buffer)
        : stream_(stream), buffer_(std::move(buffer))
    {
    }

    template <class Self>
    void operator()(Self& self)
    {
      if (done_) // Posted to itself.
        return self.complete(ec_, std::move(line_));
      self.reset_cancellation_state(asio::enable_total_cancellation());
      if (!take_line())
        return read(std::move(self));
      done_ = true;
      asio::post(stream_.get_executor(), std::move(self));
    }

    template <class Self>
    void operator()(Self& self, std::error_code ec, std::size_t got)
    {
      buffer_->add(got);
      if (take_line())
        return self.complete(ec_, std::move(line_));
      if (ec == asio::error::eof && buffer_->take_last(line_))
        return self.complete({}, std::move(line_));
      if (!ec && self.get_cancellation_state().cancelled() != asio::cancellation_type::none)
        ec = asio::error::operation_aborted;
      if (ec)
        return self.complete(ec, {});
      read(std::move(self));
    }

  private:
    bool take_line()
    {
      const auto found = buffer_->next(line_);
      if (found == detail::line_buffer::result::too_long)
        ec_.assign(EMSGSIZE, std::system_category());
      return found != detail::line_buffer::result::more;
    }

    template <class Self>
    void read(Self&& self)
    {
      const auto room = buffer_->room();
      Stream& stream = stream_; // This object moves with `self`.
      stream.async_read_some(asio::buffer(room.data(), room.size()), std::move(self));
    }

    Stream& stream_;
    std::shared_ptr<detail::line_buffer> buffer_;
    std::string line_;
    std::error_code ec_;
    bool done_ = false;
  };

  Stream* stream_;
  std::shared_ptr<detail::line_buffer> buffer_; // Pending reads hold it.
};

} // namespace subprocess
