#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/bind_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/steady_timer.hpp>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include <asio_integration/detail/streams/stream_ends.hpp>
#include <subprocess/capture.hpp>
#include <subprocess/detail/streams/capture_buffer.hpp>
#include <subprocess/detail/streams/capture_read.hpp>
#include <subprocess/detail/process/poll_time.hpp>

namespace subprocess::detail {

/// Reads the streams of a child into buffers, under the limits of a capture. The
/// base of operations, which wait for the child besides.
template <class Executor>
class output_reader {
protected:
  using ends_type = stream_ends<Executor>;
  using pipe_type = typename ends_type::pipe_type;

  enum class given_up { close, keep_open };

  output_reader(capture_options options, given_up streams)
      : options_(std::move(options)), given_up_(streams), streams_{stream(options_), stream(options_)}
  {
  }
  virtual ~output_reader() = default;

  // All that follows happens on the operation's strand.

  /// What keeps the operation alive.
  virtual std::shared_ptr<void> alive() = 0;

  /// A stream exceeded its limit, and the child must not live on.
  virtual void kill_at_limit() = 0;

  /// Every stream has ended, or was given up.
  virtual void streams_ended() = 0;

  void read_streams(std::shared_ptr<ends_type> ends, const asio::any_io_executor& strand)
  {
    ends_ = std::move(ends);
    strand_ = strand;
    const auto outputs = ends_->outputs();
    for (std::size_t i = 0; i < 2; ++i)
      if ((streams_[i].pipe = outputs[i]))
        ++reading_;
    if (reading_ == 0)
      return streams_ended();
    for (stream& one : streams_)
      if (one.pipe)
        read(one);
  }

  bool is_reading() const noexcept { return reading_ > 0; }

  /// The child has ended: from now on the drain grace counts.
  void start_grace()
  {
    if (!options_.drain_grace || !is_reading())
      return;
    grace_.emplace(strand_, deadline_after(*options_.drain_grace));
    grace_->async_wait(asio::bind_executor(strand_, [this, self = alive()](std::error_code ec) {
      if (!ec && is_reading())
        give_up_streams();
    }));
  }

  // Whoever else holds a stream may do so for long; nobody waits for that. A read
  // may be under way on another thread: it is told to stop, and has the last word.
  void give_up_streams()
  {
    giving_up_ = true;
    std::error_code ignored;
    for (stream& one : streams_)
      if (one.pipe && one.pipe->is_open()) {
        left_open_ = true;
        one.pipe->cancel(ignored);
      }
  }

  /// The first error of reading.
  std::error_code read_error() const noexcept { return error_; }

  void give(captured_output& output)
  {
    output.left_open = left_open_;
    output.out_dropped = streams_[0].text.dropped();
    output.err_dropped = streams_[1].text.dropped();
    output.out = streams_[0].text.take();
    output.err = streams_[1].text.take();
  }

private:
  struct stream {
    explicit stream(const capture_options& options) : text(options) {}

    pipe_type* pipe = nullptr;
    capture_buffer text;
  };

  void read(stream& from)
  {
    const auto room = from.text.room();
    from.pipe->async_read_some(
        asio::buffer(room.data(), room.size()),
        asio::bind_executor(strand_, [this, self = alive(), &from](std::error_code ec, std::size_t got) {
          from.text.add(got);
          was_read(from, ec);
        }));
  }

  void was_read(stream& from, std::error_code ec)
  {
    if (giving_up_ && from.pipe->is_open())
      read_what_is_there(from.pipe->native_handle(), from.text);
    if (from.text.must_stop())
      stop_at_limit();
    const bool by_us = giving_up_ || !from.pipe->is_open();
    if (!ec && !by_us)
      return read(from);
    if (!giving_up_ || given_up_ == given_up::close)
      close(from);
    // The second is a terminal that its last user has left.
    const bool good = !ec || by_us || ec == asio::error::eof || ec.value() == EIO;
    if (!good && !error_)
      error_.assign(ec.value(), std::system_category());
    if (--reading_ > 0)
      return;
    grace_.reset();
    streams_ended();
  }

  void stop_at_limit()
  {
    if (!error_)
      error_.assign(ENOBUFS, std::system_category());
    for (stream& one : streams_)
      if (one.pipe)
        close(one);
    if (options_.on_overflow == overflow::kill)
      kill_at_limit();
  }

  static void close(stream& one)
  {
    std::error_code ignored;
    one.pipe->close(ignored);
  }

  const capture_options options_;
  const given_up given_up_; // What becomes of streams that have not ended.
  std::shared_ptr<ends_type> ends_;
  asio::any_io_executor strand_;
  stream streams_[2];
  std::optional<asio::steady_timer> grace_; // While it passes.
  std::error_code error_;
  int reading_ = 0; // Streams that have not ended.
  bool giving_up_ = false;
  bool left_open_ = false;
};

} // namespace subprocess::detail
