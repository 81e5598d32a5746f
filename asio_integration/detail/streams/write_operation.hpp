#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>

#include <cerrno>
#include <cstddef>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include <asio_integration/detail/operations/completion.hpp>
#include <asio_integration/detail/streams/written_buffers.hpp>

namespace subprocess::detail {

/// Writes what fits, and waits for room before that if nothing does. Asio writes
/// within its reactor, on whatever thread that runs: here the reactor only tells
/// when there is room.
template <class Descriptor, class Buffers>
class write_operation : public std::enable_shared_from_this<write_operation<Descriptor, Buffers>> {
public:
  using done_type = completion_owner<std::error_code, std::size_t>;

  write_operation(const asio::any_io_executor& executor, done_type done, Descriptor& stream, Buffers buffers)
      : executor_(executor), done_(std::move(done)), stream_(stream), buffers_(std::move(buffers))
  {
  }

  void start()
  {
    std::error_code ec;
    if (!stream_.native_non_blocking() && stream_.is_open())
      stream_.native_non_blocking(true, ec);
    go_on(ec);
  }

  void cancel(asio::cancellation_type)
  {
    if (strand_) // Else it has completed within start().
      asio::post(*strand_, [self = this->shared_from_this()] {
        self->cancelled_ = true;
        self->stop_.emit(asio::cancellation_type::terminal);
      });
  }

private:
  void go_on(std::error_code ec)
  {
    if (ec)
      return done_(ec, 0);
    const std::size_t written = written_buffers(buffers_).write_to(stream_.native_handle(), ec);
    if (ec.value() != EAGAIN)
      return done_(ec, written);
    if (cancelled_)
      return done_(asio::error::operation_aborted, 0);
    wait();
  }

  void wait()
  {
    if (!strand_)
      strand_.emplace(executor_);
    auto ready = [self = this->shared_from_this()](std::error_code ec) { self->go_on(ec); };
    stream_.async_wait(Descriptor::wait_write,
                       asio::bind_cancellation_slot(stop_.slot(), asio::bind_executor(*strand_, std::move(ready))));
  }

  const asio::any_io_executor executor_;
  std::optional<asio::strand<asio::any_io_executor>> strand_; // Once there was no room, all happens on it.
  done_type done_;
  Descriptor& stream_; // Not to be touched after an error: it may be gone.
  const Buffers buffers_;
  asio::cancellation_signal stop_;
  bool cancelled_ = false;
};

} // namespace subprocess::detail
