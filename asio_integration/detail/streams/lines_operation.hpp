#pragma once

#include <unistd.h>

#include <asio/any_io_executor.hpp>
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
#include <asio_integration/detail/streams/stream_ends.hpp>
#include <subprocess/detail/streams/capture_read.hpp>
#include <subprocess/output_line.hpp>

namespace subprocess::detail {

/// What has been read of both streams of a child. A stream is read when it has
/// something and nothing whole is left, so that no line overtakes an earlier one
/// and no more is held than one piece of each.
template <class Executor>
class output_lines {
public:
  using pipe_type = typename stream_ends<Executor>::pipe_type;

  output_lines(std::shared_ptr<stream_ends<Executor>> ends, const line_options& options)
      : ends_(std::move(ends)), sides_{side(options), side(options)}
  {
    const auto outputs = ends_->outputs();
    for (std::size_t i = 0; i < 2; ++i)
      sides_[i].pipe = outputs[i];
  }

  /// Null when there is nothing more to wait for.
  pipe_type* waited_for(std::size_t i) const noexcept { return sides_[i].pipe; }
  bool ended() const noexcept { return !sides_[0].pipe && !sides_[1].pipe; }

  /// The stream that has waited for longer: one that is never silent must not
  /// keep the other from being read.
  std::size_t first() const noexcept { return turn_ ^ 1; }

  /// Takes out a line that is there already. Both streams get their turn.
  bool take(output_line& line, std::error_code& ec)
  {
    for (int tries = 0; tries < 2; ++tries, turn_ ^= 1) {
      const auto found = sides_[turn_].text.next(line.text);
      if (found == line_buffer::result::more)
        continue;
      line.which = name(turn_);
      ec.assign(found == line_buffer::result::too_long ? EMSGSIZE : 0, std::system_category());
      return true;
    }
    return false;
  }

  /// Reads a stream once if it has something. True: `line` or `ec` is to be told.
  bool read(std::size_t i, output_line& line, std::error_code& ec)
  {
    side& from = sides_[i];
    if (!from.pipe)
      return false;
    const auto room = from.text.room();
    const int fd = non_blocking(*from.pipe);
    int error = 0;
    const ssize_t got = read_past_early_end(fd, room, error);
    if (error == EAGAIN || error == EINTR)
      return false;
    if (got > 0) {
      from.text.add(static_cast<std::size_t>(got));
      turn_ = i;
      return take(line, ec);
    }
    from.pipe = nullptr;
    // A terminal that was left; closed by us.
    const bool at_end = !error || (error == EIO && ::isatty(fd) == 1) || error == EBADF;
    ec.assign(at_end ? 0 : error, std::system_category());
    line.which = name(i);
    return from.text.take_last(line.text) || ec;
  }

private:
  struct side {
    explicit side(const line_options& options) : text(options) {}
    pipe_type* pipe = nullptr;
    line_buffer text;
  };

  static output_stream name(std::size_t i) noexcept { return i == 0 ? output_stream::out : output_stream::err; }

  // As Asio does for its own reads.
  static int non_blocking(pipe_type& pipe)
  {
    std::error_code ignored;
    if (pipe.is_open() && !pipe.native_non_blocking())
      pipe.native_non_blocking(true, ignored);
    return pipe.native_handle();
  }

  const std::shared_ptr<stream_ends<Executor>> ends_;
  side sides_[2];
  std::size_t turn_ = 0;
};

/// Waits until there is a line on either stream.
template <class Executor>
class lines_operation : public operation {
  using self_type = lines_operation;

public:
  using done_type = completion_owner<std::error_code, output_line>;

  lines_operation(const callers_executors& executors, done_type done, std::shared_ptr<output_lines<Executor>> lines)
      : steps_(executors.steps), done_(std::move(done)), lines_(std::move(lines))
  {
  }

private:
  void begin() override
  {
    output_line line;
    std::error_code ec;
    if (lines_->take(line, ec))
      return finish(ec, std::move(line));
    if (lines_->ended())
      return finish(asio::error::eof, {});
    const std::size_t first = lines_->first();
    advance(first);
    advance(first ^ 1);
  }

  void cancelled(asio::cancellation_type) override { finish(asio::error::operation_aborted, {}); }
  void out_of_memory() noexcept override { finish({ENOMEM, std::system_category()}, {}); }

  void advance(std::size_t i)
  {
    if (!done_)
      return;
    output_line line;
    std::error_code ec;
    if (lines_->read(i, line, ec))
      return finish(ec, std::move(line));
    if (lines_->ended())
      return finish(asio::error::eof, {});
    if (auto* const pipe = lines_->waited_for(i))
      wait(*pipe, i);
  }

  // The caller's own cancel() of the stream must not end this.
  void wait(typename output_lines<Executor>::pipe_type& pipe, std::size_t i)
  {
    pipe.async_wait(pipe.wait_read,
                    callers_step_of(this->self(this), steps_, stop_[i], [i](self_type& op, std::error_code ec) {
                      if (ec && ec != asio::error::operation_aborted)
                        return op.finish(ec, {});
                      op.advance(i);
                    }));
  }

  void finish(std::error_code ec, output_line line) noexcept
  {
    if (!done_)
      return;
    done_(ec, std::move(line));
    for (asio::cancellation_signal& stop : stop_)
      stop.emit(asio::cancellation_type::terminal);
  }

  const asio::any_io_executor steps_;
  done_type done_;
  const std::shared_ptr<output_lines<Executor>> lines_;
  asio::cancellation_signal stop_[2];
};

} // namespace subprocess::detail
