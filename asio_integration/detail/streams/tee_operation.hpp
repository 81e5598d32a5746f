#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/write.hpp>

#include <cstdint>
#include <iterator>
#include <memory>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include <asio_integration/detail/operations/completion.hpp>

namespace subprocess::detail {

/// Read a piece, write it to all sinks at once, and when the last has it the next.
template <class Source, class... Sinks>
class tee_operation : public std::enable_shared_from_this<tee_operation<Source, Sinks...>> {
public:
  using done_type = completion_owner<std::error_code, std::uint64_t>;

  tee_operation(const asio::any_io_executor& executor, done_type done, Source& source, std::tuple<Sinks&...> sinks)
      : strand_(executor), done_(std::move(done)), source_(source), sinks_(sinks), piece_(65536)
  {
  }

  void start()
  {
    asio::post(strand_, [self = this->shared_from_this()] { self->read(); });
  }

  void cancel(asio::cancellation_type)
  {
    asio::post(strand_, [self = this->shared_from_this()] {
      if (!self->done_)
        return;
      self->fail(asio::error::operation_aborted);
      for (asio::cancellation_signal& stop : self->stop_)
        stop.emit(asio::cancellation_type::terminal);
    });
  }

private:
  template <class Function>
  auto on_strand(asio::cancellation_signal& stop, Function function)
  {
    return asio::bind_cancellation_slot(stop.slot(), asio::bind_executor(strand_, std::move(function)));
  }

  void read()
  {
    if (error_ || ended_)
      return done_(error_, bytes_);
    source_.async_read_some(
        asio::buffer(piece_),
        on_strand(stop_[sizeof...(Sinks)],
                  [self = this->shared_from_this()](std::error_code ec, std::size_t got) { self->was_read(ec, got); }));
  }

  void was_read(std::error_code ec, std::size_t got)
  {
    ended_ = ec == asio::error::eof;
    if (ec && !ended_)
      fail(ec);
    size_ = error_ ? 0 : got;
    pending_ = size_ > 0 ? sizeof...(Sinks) : 0;
    if (pending_ == 0)
      return has_piece();
    if constexpr (sizeof...(Sinks) > 0)
      std::apply(
          [this](auto&... sinks) {
            auto stop = std::begin(stop_);
            (this->write(sinks, *stop++), ...);
          },
          sinks_);
  }

  template <class Sink>
  void write(Sink& sink, asio::cancellation_signal& stop)
  {
    asio::async_write(
        sink, asio::buffer(piece_.data(), size_),
        on_strand(stop, [self = this->shared_from_this()](std::error_code ec, std::size_t) { self->was_written(ec); }));
  }

  void was_written(std::error_code ec)
  {
    if (ec)
      fail(ec);
    if (--pending_ == 0)
      has_piece();
  }

  void has_piece()
  {
    if (!error_)
      bytes_ += size_;
    read();
  }

  // The first one is told.
  void fail(std::error_code ec)
  {
    if (!error_)
      error_ = ec;
  }

  asio::strand<asio::any_io_executor> strand_; // All happens on it.
  done_type done_;
  Source& source_;
  std::tuple<Sinks&...> sinks_;
  std::vector<char> piece_;
  std::size_t size_ = 0;
  std::size_t pending_ = 0; // Sinks that do not have the piece yet.
  std::uint64_t bytes_ = 0;
  std::error_code error_;
  bool ended_ = false;
  asio::cancellation_signal stop_[sizeof...(Sinks) + 1]; // The last one is the source's.
};

} // namespace subprocess::detail
