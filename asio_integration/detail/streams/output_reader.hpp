#pragma once

#include <unistd.h>

#include <asio/any_io_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/error.hpp>

#include <algorithm>
#include <cerrno>
#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <asio_integration/detail/operations/operation.hpp>
#include <asio_integration/detail/streams/stream_ends.hpp>
#include <subprocess/capture.hpp>
#include <subprocess/detail/process/poll_time.hpp>
#include <subprocess/detail/streams/capture_buffer.hpp>
#include <subprocess/detail/streams/capture_read.hpp>
#include <subprocess/detail/streams/output_sink.hpp>
#include <subprocess/detail/streams/outputs.hpp>

namespace subprocess::detail {

/// Reads the streams of a child into buffers, under the limits of a capture; and
/// what is kept of none, until the child has ended, so that it can come to its end.
/// Part of an operation, which waits for the child besides.
///
/// The streams are the operation's own, on the loop: all are read, and closed when they
/// are given up. Or they are the caller's: those are read that are asked for, where the
/// caller's handler runs, and left open.
template <class Executor>
class output_reader {
protected:
  using ends_type = stream_ends<Executor>;
  using pipe_type = typename ends_type::pipe_type;

  output_reader(capture_options options, outputs kept)
      : sink_(std::move(options.on_output)),
        options_(std::move(options)), streams_{stream(options_, kept == outputs::kept),
                                               stream(options_, kept == outputs::kept), stream(nothing(), false)}
  {
  }
  virtual ~output_reader() = default;

  // All that follows is called under the operation's lock.

  /// The operation.
  virtual std::shared_ptr<operation> running() = 0;

  /// A stream exceeded its limit, and the child must not live on.
  virtual void kill_at_limit() = 0;

  /// What the caller wants to be told has thrown: nothing more is to be read.
  virtual void sink_failed() = 0;

  /// Every stream has ended, or was given up.
  virtual void streams_ended() = 0;

  /// \param steps  Where the caller's handler runs; not for streams of our own.
  void read_streams(std::shared_ptr<ends_type> ends, const asio::any_io_executor& steps)
  {
    ends_ = std::move(ends);
    steps_ = steps;
    const auto read_ends = ends_->outputs();
    streams_[0].pipe = read_ends[0];
    streams_[1].pipe = read_ends[1];
    if (ours)
      streams_[2].pipe = ends_->terminal_beside_pipes();
    for (stream& one : streams_)
      if (one.pipe) {
        ++reading_;
        or_over(one, [&] { read(one); });
      }
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
    grace_.emplace(loop_executor(asio::query(ends_->get_executor(), asio::execution::context)));
    grace_->expires_at(deadline_after(*options_.drain_grace));
    grace_->async_wait(step([](output_reader& self, std::error_code ec) {
      if (!ec && self.is_reading())
        self.give_up_streams();
    }));
  }

  // Whoever else holds a stream may do so for long; nobody waits for that. A read
  // may be under way on another thread: it is told to stop, and has the last word.
  void give_up_streams() noexcept
  {
    giving_up_ = true;
    std::error_code ignored;
    for (stream& one : streams_)
      if (one.is_open() && !one.over) {
        left_open_ |= one.kept;
        if constexpr (ours)
          one.pipe->cancel(ignored);
        else
          one.stop->emit(asio::cancellation_type::terminal);
      }
  }

  std::size_t max_bytes() const noexcept { return options_.max_bytes; }

  /// The first error of reading.
  std::error_code read_error() const noexcept { return error_; }

  void give(captured_output& output) noexcept
  {
    output.left_open = left_open_;
    output.out_dropped = streams_[0].text.dropped();
    output.err_dropped = streams_[1].text.dropped();
    output.out = streams_[0].text.take();
    output.err = streams_[1].text.take();
  }

private:
  static constexpr bool ours = std::same_as<Executor, loop_executor>;

  struct stream {
    stream(const capture_options& options, bool is_kept) : kept(is_kept), text(options)
    {
      if constexpr (!ours)
        stop = std::make_unique<asio::cancellation_signal>();
    }

    bool is_open() const { return pipe && pipe->is_open(); }

    pipe_type* pipe = nullptr;
    const bool kept;
    bool over = false; // Nothing more is read.
    capture_buffer text;
    std::unique_ptr<asio::cancellation_signal> stop; // For a stream of the caller's.
  };

  bool is_keeping() const
  {
    return std::ranges::any_of(streams_, [](const stream& one) { return one.kept && !one.over && one.is_open(); });
  }

  template <class Step>
  auto step(Step taken)
  {
    auto on_self = [this, taken](operation&, auto... args) { taken(*this, args...); };
    if constexpr (ours)
      return step_of(running(), on_self);
    else
      return callers_step_of(running(), steps_, stop_grace_, on_self);
  }

  template <class Step>
  auto step(stream& of, Step taken)
  {
    auto on_self = [this, taken](operation&, auto... args) { taken(*this, args...); };
    if constexpr (ours)
      return step_of(running(), on_self);
    else
      return callers_step_of(running(), steps_, *of.stop, on_self);
  }

  void read(stream& from)
  {
    const auto room = from.text.room();
    const auto next = [&from, text = room.data()](output_reader& self, std::error_code ec, std::size_t got) {
      self.arrived(from, ec, {text, got});
    };
    from.pipe->async_read_some(asio::buffer(room.data(), room.size()), without_lock(step(from, next)));
  }

  // Not under the lock while the caller is told. Nobody else touches the text meanwhile: a
  // stream is read once at a time, and its buffer given away when all are over.
  void arrived(stream& from, std::error_code ec, std::string_view text)
  {
    const auto op = running();
    if (!sink_ || !from.kept)
      return op->take_step([&] { was_read(from, ec, text.size(), nullptr); });
    std::exception_ptr thrown;
    tell(*op, from, text, thrown);
    std::string rest;
    bool is_last = false;
    op->take_step([&] { is_last = !was_read(from, ec, text.size(), &rest); });
    if (is_last) {
      tell(*op, from, rest, thrown);
      op->take_step([&] { is_over(from, ec); });
    }
    if (thrown)
      std::rethrow_exception(thrown);
  }

  void tell(operation& op, const stream& from, std::string_view text, std::exception_ptr& thrown)
  {
    try {
      sink_(&from == &streams_[0] ? output_stream::out : output_stream::err, text);
    } catch (...) {
      thrown = std::current_exception();
      op.take_step([this] { sink_failed(); });
    }
  }

  /// \param rest  Gets what is read besides, unless it is null.
  /// \return      False: it is over, once somebody was told of the rest.
  bool was_read(stream& from, std::error_code ec, std::size_t got, std::string* rest)
  {
    bool goes_on = false;
    or_over(from, [&] {
      from.text.add(got);
      if (giving_up_ && from.kept && from.pipe->is_open())
        read_what_is_there(from.pipe->native_handle(), from.text, rest);
      if (from.text.must_stop())
        stop_at_limit();
      goes_on = !ec && !giving_up_ && from.pipe->is_open();
      if (goes_on)
        read(from);
    });
    if (!goes_on && rest && !rest->empty())
      return false;
    if (!goes_on)
      is_over(from, ec);
    return true;
  }

  // Without memory for more, a stream is over, and what was read before is kept.
  template <class Read>
  void or_over(stream& one, Read read)
  {
    try {
      read();
    } catch (const std::bad_alloc&) {
      is_over(one, {ENOMEM, std::system_category()});
      throw;
    }
  }

  void is_over(stream& from, std::error_code ec)
  {
    const bool by_us = giving_up_ || !from.pipe->is_open();
    from.over = true;
    // A terminal that its last user has left. The child may live on, and closing
    // would hang up on it.
    const bool left = ec.value() == EIO && from.pipe->is_open() && ::isatty(from.pipe->native_handle()) == 1;
    if (!(left && !child_ended_) && (!giving_up_ || ours))
      close(from);
    const bool good = !ec || by_us || ec == asio::error::eof || left;
    if (!good && !error_ && from.kept)
      error_.assign(ec.value(), std::system_category());
    if (--reading_ > 0) {
      if (child_ended_ && !giving_up_ && !is_keeping())
        give_up_streams();
      return;
    }
    if (grace_)
      grace_->cancel();
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

  output_sink sink_;
  const capture_options options_; // But for the sink.
  std::shared_ptr<ends_type> ends_;
  asio::any_io_executor steps_;
  stream streams_[3];               // The last is a terminal beside two pipes.
  std::optional<loop_timer> grace_; // While it passes.
  asio::cancellation_signal stop_grace_;
  std::error_code error_;
  int reading_ = 0; // Streams that have not ended.
  bool child_ended_ = false;
  bool giving_up_ = false;
  bool left_open_ = false;
};

} // namespace subprocess::detail
