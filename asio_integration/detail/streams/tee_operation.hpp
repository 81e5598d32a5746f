#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/error.hpp>
#include <asio/write.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include <asio_integration/detail/operations/completion.hpp>
#include <asio_integration/detail/operations/operation.hpp>

namespace subprocess::detail {

/// Read a piece, write it to all sinks at once, and when the last has it the next.
template <class Source, class... Sinks>
class tee_operation : public operation {
  using self_type = tee_operation;

public:
  using done_type = completion_owner<std::error_code, std::uint64_t>;

  tee_operation(const callers_executors& executors, done_type done, Source& source, std::tuple<Sinks&...> sinks)
      : steps_(executors.steps), done_(std::move(done)), source_(source), sinks_(sinks), piece_(65536)
  {
  }

protected:
  void begin() override { read(); }

  /// Reads what the source holds by now, and no more.
  void give_up_source()
  {
    giving_up_ = true;
    if (reading_)
      stop_[sizeof...(Sinks)].emit(asio::cancellation_type::terminal);
  }

  void fail(std::error_code ec) noexcept // The first one is told.
  {
    if (!error_)
      error_ = ec;
  }

  bool is_over() const noexcept { return !done_; }

private:
  /// It completes: nothing else is waited for any more.
  virtual void over() noexcept {}

  /// What the source holds.
  virtual std::size_t unread() noexcept { return 0; }

  void cancelled(asio::cancellation_type) override { stop_all(asio::error::operation_aborted); }
  void out_of_memory() noexcept override
  {
    stop_all({ENOMEM, std::system_category()});
    if (!reading_ && pending_ == 0)
      finish();
  }

  void stop_all(std::error_code why) noexcept
  {
    if (!done_)
      return;
    fail(why);
    for (asio::cancellation_signal& stop : stop_)
      stop.emit(asio::cancellation_type::terminal);
  }

  void read()
  {
    if (giving_up_ && !left_)
      left_ = unread();
    if (error_ || ended_ || left_ == 0)
      return finish();
    source_.async_read_some(
        asio::buffer(piece_.data(), std::min(piece_.size(), left_.value_or(piece_.size()))),
        callers_step_of(this->self(this), steps_, stop_[sizeof...(Sinks)],
                        [](self_type& op, std::error_code ec, std::size_t got) { op.was_read(ec, got); }));
    reading_ = true;
  }

  void was_read(std::error_code ec, std::size_t got)
  {
    reading_ = false;
    ended_ = ec == asio::error::eof;
    const bool by_us = giving_up_ && ec == asio::error::operation_aborted;
    if (ec && !ended_ && !by_us)
      fail(ec);
    if (left_)
      *left_ -= got;
    size_ = error_ ? 0 : got;
    if (size_ == 0 || sizeof...(Sinks) == 0)
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
    asio::async_write(sink, asio::buffer(piece_.data(), size_),
                      callers_step_of(this->self(this), steps_, stop,
                                      [](self_type& op, std::error_code ec, std::size_t) { op.was_written(ec); }));
    ++pending_;
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

  void finish() noexcept
  {
    if (!done_)
      return;
    over();
    done_(error_, bytes_);
  }

  const asio::any_io_executor steps_;
  done_type done_;
  Source& source_;
  std::tuple<Sinks&...> sinks_;
  std::vector<char> piece_;
  std::size_t size_ = 0;
  std::size_t pending_ = 0; // Sinks that do not have the piece yet.
  std::uint64_t bytes_ = 0;
  std::error_code error_;
  bool reading_ = false;
  bool ended_ = false;
  bool giving_up_ = false;
  std::optional<std::size_t> left_;                      // So much is still read of a source that was given up.
  asio::cancellation_signal stop_[sizeof...(Sinks) + 1]; // The last one is the source's.
};

} // namespace subprocess::detail
