#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/error.hpp>

#include <cerrno>
#include <cstddef>
#include <memory>
#include <system_error>
#include <utility>

#include <asio_integration/detail/operations/completion.hpp>
#include <asio_integration/detail/operations/operation.hpp>
#include <asio_integration/detail/streams/stream_place.hpp>
#include <asio_integration/detail/streams/written_buffers.hpp>

namespace subprocess::detail {

/// Writes what fits, and waits for room before that if nothing does. Asio writes
/// within its reactor, on whatever thread that runs: here the reactor only tells
/// when there is room, and the write happens where the caller's handler runs.
template <class Descriptor, class Buffers>
class write_operation : public operation {
  using self_type = write_operation;

public:
  using done_type = completion_owner<std::error_code, std::size_t>;

  write_operation(const callers_executors& executors, done_type done, Descriptor& stream,
                  known_place<Descriptor>& place, Buffers buffers)
      : steps_(executors.steps), done_(std::move(done)), stream_(stream), known_place_(place),
        buffers_(std::move(buffers))
  {
  }

private:
  void begin() override
  {
    std::error_code ec;
    if (!stream_.native_non_blocking() && stream_.is_open())
      stream_.native_non_blocking(true, ec);
    if (ec)
      return done_(ec, 0);
    write_to(stream_);
  }

  // Of a stream that is gone, what waits has been aborted.
  void cancelled(asio::cancellation_type) override
  {
    cancelled_ = true;
    if (place_)
      place_->visit([this](Descriptor&) { stop_.emit(asio::cancellation_type::terminal); });
  }

  void out_of_memory() noexcept override
  {
    if (done_)
      done_({ENOMEM, std::system_category()}, 0);
  }

  void write_to(Descriptor& stream)
  {
    std::error_code ec;
    const std::size_t written = written_buffers(buffers_).write_to(stream.native_handle(), ec);
    if (ec.value() != EAGAIN)
      return done_(ec, written);
    if (cancelled_)
      return done_(asio::error::operation_aborted, 0);
    if (!place_)
      place_ = known_place_.of(stream_);
    stream.async_wait(Descriptor::wait_write,
                      callers_step_of(this->self(this), steps_, stop_,
                                      [](self_type& op, std::error_code error) { op.has_room(error); }));
  }

  void has_room(std::error_code ec)
  {
    if (!done_)
      return;
    if (ec)
      return done_(ec, 0);
    if (!place_->visit([this](Descriptor& stream) { write_to(stream); }))
      done_(asio::error::operation_aborted, 0);
  }

  const asio::any_io_executor steps_;
  done_type done_;
  Descriptor& stream_;                              // Only in the call that begins: afterwards it may be gone.
  known_place<Descriptor>& known_place_;            // The same.
  std::shared_ptr<stream_place<Descriptor>> place_; // Once it has waited.
  const Buffers buffers_;
  asio::cancellation_signal stop_;
  bool cancelled_ = false;
};

} // namespace subprocess::detail
