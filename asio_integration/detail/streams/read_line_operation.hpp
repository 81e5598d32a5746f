#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/error.hpp>

#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include <asio_integration/detail/operations/completion.hpp>
#include <asio_integration/detail/operations/operation.hpp>
#include <asio_integration/detail/streams/line_buffer.hpp>

namespace subprocess::detail {

/// Reads a stream until there is a line.
template <class Stream>
class read_line_operation : public operation {
  using self_type = read_line_operation;

public:
  using done_type = completion_owner<std::error_code, std::string>;

  read_line_operation(const callers_executors& executors, done_type done, Stream& stream,
                      std::shared_ptr<line_buffer> buffer)
      : steps_(executors.steps), done_(std::move(done)), stream_(stream), buffer_(std::move(buffer))
  {
  }

private:
  void begin() override
  {
    if (!take_line())
      read();
  }

  // What a read that is under way has got comes first.
  void cancelled(asio::cancellation_type) override
  {
    cancelled_ = true;
    stop_.emit(asio::cancellation_type::terminal);
  }

  void out_of_memory() noexcept override
  {
    if (done_)
      done_({ENOMEM, std::system_category()}, {});
  }

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
    stream_.async_read_some(
        asio::buffer(room.data(), room.size()),
        callers_step_of(this->self(this), steps_, stop_,
                        [](self_type& op, std::error_code ec, std::size_t size) { op.was_read(ec, size); }));
  }

  void was_read(std::error_code ec, std::size_t size)
  {
    buffer_->add(size);
    if (!done_ || take_line())
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

  const asio::any_io_executor steps_;
  done_type done_;
  Stream& stream_;
  const std::shared_ptr<line_buffer> buffer_;
  asio::cancellation_signal stop_;
  bool cancelled_ = false;
};

} // namespace subprocess::detail
