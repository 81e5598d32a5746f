#pragma once

#include <unistd.h>

#include <asio/any_io_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/error.hpp>

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
#include <subprocess/detail/streams/capture_policy.hpp>
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
      : sink_(std::move(options.on_output)), max_bytes_(options.max_bytes),
        policy_(kept == outputs::kept ? 3 : 0, options.on_overflow, options.drain_grace, ours),
        streams_{stream(kept == outputs::kept ? options : nothing()),
                 stream(kept == outputs::kept ? options : nothing()), stream(nothing())}
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
    for (std::size_t i = 0; i < capture_policy::count; ++i)
      if (streams_[i].pipe) {
        policy_.begins(i);
        or_over(i, [&] { read(i); });
      }
  }

  bool is_reading() const noexcept { return policy_.is_reading(); }

  /// The child has ended: from now on the drain grace counts, and what is dropped
  /// is read no longer than what is kept.
  void child_ended()
  {
    const capture_policy::orders given = policy_.child_ended(open());
    obey(given);
    if (!given.wait)
      return;
    grace_.emplace(loop_executor(asio::query(ends_->get_executor(), asio::execution::context)));
    grace_->expires_at(deadline_after(policy_.grace()));
    grace_->async_wait(step(stop_grace_, [](output_reader& self, std::error_code ec) {
      if (!ec)
        self.obey(self.policy_.grace_passed(self.open()));
    }));
  }

  /// Whoever else holds a stream may do so for long; nobody waits for that.
  void give_up_streams() noexcept { obey(policy_.give_up(open())); }

  std::size_t max_bytes() const noexcept { return max_bytes_; }

  /// The first error of reading.
  std::error_code read_error() const noexcept { return policy_.error(); }

  void give(captured_output& output) noexcept
  {
    output.left_open = policy_.left_open();
    output.out_dropped = streams_[0].text.dropped();
    output.err_dropped = streams_[1].text.dropped();
    output.out = streams_[0].text.take();
    output.err = streams_[1].text.take();
  }

private:
  static constexpr bool ours = std::same_as<Executor, loop_executor>;

  struct stream {
    explicit stream(const capture_options& options) : text(options)
    {
      if constexpr (!ours)
        stop = std::make_unique<asio::cancellation_signal>();
    }

    bool is_open() const { return pipe && pipe->is_open(); }

    /// Whether that says of a terminal that its last user has left.
    bool is_left(std::error_code ec) const
    {
      return ec.value() == EIO && is_open() && ::isatty(pipe->native_handle()) == 1;
    }

    pipe_type* pipe = nullptr;
    capture_buffer text;
    bool seems_left = false;
    std::unique_ptr<asio::cancellation_signal> stop; // For a stream of the caller's.
  };

  capture_policy::streams open() const
  {
    capture_policy::streams all = 0;
    for (std::size_t i = 0; i < capture_policy::count; ++i)
      all |= streams_[i].is_open() ? capture_policy::only(i) : 0;
    return all;
  }

  // A read may be under way on another thread: it is told to stop, and has the last word.
  void obey(const capture_policy::orders& given) noexcept
  {
    std::error_code ignored;
    for (std::size_t i = 0; i < capture_policy::count; ++i) {
      stream& one = streams_[i];
      if (given.close & capture_policy::only(i))
        one.pipe->close(ignored);
      if (!(given.stop & capture_policy::only(i)))
        continue;
      if constexpr (ours)
        one.pipe->cancel(ignored);
      else
        one.stop->emit(asio::cancellation_type::terminal);
    }
    if (given.kill)
      kill_at_limit();
  }

  /// \param stop  For a step on what is the caller's.
  template <class Step>
  auto step(asio::cancellation_signal& stop, Step taken)
  {
    auto on_self = [this, taken](operation&, auto... args) { taken(*this, args...); };
    if constexpr (ours)
      return step_of(running(), on_self);
    else
      return callers_step_of(running(), steps_, stop, on_self);
  }

  void read(std::size_t from)
  {
    stream& one = streams_[from];
    const auto room = one.text.room();
    const auto next = [from, text = room.data()](output_reader& self, std::error_code ec, std::size_t got) {
      self.arrived(from, ec, {text, got});
    };
    one.pipe->async_read_some(asio::buffer(room.data(), room.size()),
                              without_lock(step(one.stop ? *one.stop : stop_grace_, next)));
  }

  // Not under the lock while the caller is told. Nobody else touches the text meanwhile: a
  // stream is read once at a time, and its buffer given away when all are over.
  void arrived(std::size_t from, std::error_code ec, std::string_view text)
  {
    const auto op = running();
    if (!sink_ || !policy_.keeps(from))
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

  void tell(operation& op, std::size_t from, std::string_view text, std::exception_ptr& thrown)
  {
    try {
      sink_(from == 0 ? output_stream::out : output_stream::err, text);
    } catch (...) {
      thrown = std::current_exception();
      op.take_step([this] { sink_failed(); });
    }
  }

  /// \param ec    Becomes the end of the stream when that is found besides.
  /// \param rest  Gets what is read besides, unless it is null.
  /// \return      False: it is over, once somebody was told of the rest.
  bool was_read(std::size_t from, std::error_code& ec, std::size_t got, std::string* rest)
  {
    stream& one = streams_[from];
    bool goes_on = false;
    or_over(from, [&] {
      one.text.add(got);
      if (policy_.is_giving_up() && policy_.keeps(from) && one.is_open() &&
          read_what_is_there(one.pipe->native_handle(), one.text, rest))
        ec = asio::error::eof;
      // A terminal's end is asked for twice: read_past_early_end() says why.
      if (!policy_.is_giving_up() && one.is_left(ec) && !one.seems_left) {
        one.seems_left = true;
        ec.clear();
      } else {
        one.seems_left = false;
      }
      if (one.text.must_stop())
        obey(policy_.exceeds(open()));
      goes_on = !ec && !policy_.is_giving_up() && one.is_open();
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
  void or_over(std::size_t from, Read read)
  {
    try {
      read();
    } catch (const std::bad_alloc&) {
      is_over(from, {ENOMEM, std::system_category()});
      throw;
    }
  }

  void is_over(std::size_t from, std::error_code ec)
  {
    capture_policy::ending how{.by_us = !streams_[from].is_open(), .left = streams_[from].is_left(ec)};
    if (ec != asio::error::eof)
      how.error.assign(ec.value(), std::system_category());
    const capture_policy::orders given = policy_.ends(from, how, open());
    obey(given);
    if (!given.over)
      return;
    if (grace_)
      grace_->cancel();
    streams_ended();
  }

  output_sink sink_;
  const std::size_t max_bytes_;
  capture_policy policy_;
  std::shared_ptr<ends_type> ends_;
  asio::any_io_executor steps_;
  stream streams_[capture_policy::count]; // The last is a terminal beside two pipes.
  std::optional<loop_timer> grace_;       // While it passes.
  asio::cancellation_signal stop_grace_;
};

} // namespace subprocess::detail
