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
#include <subprocess/detail/process/poll_time.hpp>
#include <subprocess/detail/streams/capture_read.hpp>
#include <subprocess/detail/streams/outputs.hpp>

namespace subprocess::detail {

/// Whose streams are read.
enum class stream_owner {
  us,     ///< All are read, and closed when they are given up.
  caller, ///< Those are read that are asked for, and left open.
};

/// Reads the streams of a child into buffers, under the limits of a capture; and
/// what is kept of none, until the child has ended, so that it can come to its end.
/// The base of operations, which wait for the child besides.
template <class Executor>
class output_reader {
protected:
  using ends_type = stream_ends<Executor>;
  using pipe_type = typename ends_type::pipe_type;

  output_reader(capture_options options, outputs kept, stream_owner owner)
      : options_(std::move(options)), owner_(owner),
        streams_{stream(options_, kept == outputs::kept), stream(options_, kept == outputs::kept),
                 stream(nothing(), false)}
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
    const auto read_ends = ends_->outputs();
    streams_[0].pipe = read_ends[0];
    streams_[1].pipe = read_ends[1];
    if (owner_ == stream_owner::us)
      streams_[2].pipe = ends_->terminal_beside_pipes();
    for (const stream& one : streams_)
      reading_ += one.pipe != nullptr;
    if (reading_ == 0)
      return streams_ended();
    for (stream& one : streams_)
      if (one.pipe)
        read(one);
  }

  bool is_reading() const noexcept { return reading_ > 0; }

  /// The child has ended: from now on the drain grace counts, and what is dropped
  /// is read no longer than what is kept.
  void child_ended()
  {
    child_ended_ = true;
    for (stream& one : streams_)
      if (one.over && !giving_up_ && one.is_open())
        close(one);
    if (!is_keeping())
      return give_up_streams();
    if (!options_.drain_grace)
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
      if (one.is_open() && !one.over) {
        left_open_ |= one.kept;
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
    stream(const capture_options& options, bool is_kept) : kept(is_kept), text(options) {}

    bool is_open() const { return pipe && pipe->is_open(); }

    pipe_type* pipe = nullptr;
    const bool kept;
    bool over = false; // Nothing more is read.
    capture_buffer text;
  };

  bool is_keeping() const
  {
    return std::ranges::any_of(streams_, [](const stream& one) { return one.kept && !one.over && one.is_open(); });
  }

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
    if (giving_up_ && from.kept && from.pipe->is_open())
      read_what_is_there(from.pipe->native_handle(), from.text);
    if (from.text.must_stop())
      stop_at_limit();
    const bool by_us = giving_up_ || !from.pipe->is_open();
    if (!ec && !by_us)
      return read(from);
    from.over = true;
    // A terminal that its last user has left. The child may live on, and closing
    // would hang up on it.
    const bool left = ec.value() == EIO;
    if (!(left && !child_ended_) && (!giving_up_ || owner_ == stream_owner::us))
      close(from);
    const bool good = !ec || by_us || ec == asio::error::eof || left;
    if (!good && !error_ && from.kept)
      error_.assign(ec.value(), std::system_category());
    if (--reading_ > 0) {
      if (child_ended_ && !giving_up_ && !is_keeping())
        give_up_streams();
      return;
    }
    grace_.reset();
    streams_ended();
  }

  void stop_at_limit()
  {
    if (!error_)
      error_.assign(ENOBUFS, std::system_category());
    for (stream& one : streams_)
      if (one.pipe && one.kept)
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
  const stream_owner owner_;
  std::shared_ptr<ends_type> ends_;
  asio::any_io_executor strand_;
  stream streams_[3];                       // The last is a terminal beside two pipes.
  std::optional<asio::steady_timer> grace_; // While it passes.
  std::error_code error_;
  int reading_ = 0; // Streams that have not ended.
  bool child_ended_ = false;
  bool giving_up_ = false;
  bool left_open_ = false;
};

} // namespace subprocess::detail
