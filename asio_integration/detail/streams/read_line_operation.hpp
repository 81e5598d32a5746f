#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>

#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include <asio_integration/detail/operations/completion.hpp>
#include <asio_integration/detail/streams/line_buffer.hpp>

namespace subprocess::detail {

/// Reads a stream until there is a line.
template <class Stream>
class read_line_operation : public std::enable_shared_from_this<read_line_operation<Stream>> {
public:
  using done_type = completion_owner<std::error_code, std::string>;

  read_line_operation(const asio::any_io_executor& executor, done_type done, Stream& stream,
                      std::shared_ptr<line_buffer> buffer)
      : strand_(executor), done_(std::move(done)), stream_(stream), buffer_(std::move(buffer))
  {
  }

  void start()
  {
    if (!take_line())
      read();
  }

  void cancel(asio::cancellation_type)
  {
    asio::post(strand_, [self = this->shared_from_this()] {
      self->cancelled_ = true;
      self->stop_.emit(asio::cancellation_type::terminal);
    });
  }

private:
  /// Completes if there is one.
  bool take_line()
  {
    std::string line;
    const auto found = buffer_->next(line);
    if (found == line_buffer::result::more)
      return false;
    const int error = found == line_buffer::result::too_long ? EMSGSIZE : 0;
    done_({error, std::system_category()}, std::move(line));
    return true;
  }

  void read()
  {
    const auto room = buffer_->room();
    auto got = [self = this->shared_from_this()](std::error_code ec, std::size_t size) { self->was_read(ec, size); };
    stream_.async_read_some(asio::buffer(room.data(), room.size()),
                            asio::bind_cancellation_slot(stop_.slot(), asio::bind_executor(strand_, std::move(got))));
  }

  void was_read(std::error_code ec, std::size_t size)
  {
    buffer_->add(size);
    if (take_line())
      return;
    std::string last;
    if (ec == asio::error::eof && buffer_->take_last(last))
      return done_({}, std::move(last));
    if (!ec && cancelled_)
      ec = asio::error::operation_aborted;
    if (ec)
      return done_(ec, {});
    read();
  }

  asio::strand<asio::any_io_executor> strand_; // All but the start happens on it.
  done_type done_;
  Stream& stream_;
  const std::shared_ptr<line_buffer> buffer_;
  asio::cancellation_signal stop_;
  bool cancelled_ = false;
};

} // namespace subprocess::detail
