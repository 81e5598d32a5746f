#include <asio_integration/detail/capture_operation.hpp>

#include <asio/buffer.hpp>

#include <algorithm>

#include <subprocess/detail/capture_command.hpp>
#include <subprocess/detail/capture_read.hpp>
#include <subprocess/detail/poll_time.hpp>

namespace subprocess::detail {

capture_operation::capture_operation(const asio::any_io_executor& executor, done_type done, command what,
                                     capture_options options, supervision_options supervision)
    : child_operation(executor, capture_command(std::move(what), options), stream_defaults::capture(), supervision),
      done_(std::move(done)), options_(std::move(options)), streams_{stream(options_), stream(options_)}
{
}

// What a child writes to its terminal counts as what it writes to the first
// stream that is read of it.
void capture_operation::started()
{
  std::error_code ignored;
  child().stdin_pipe().close(ignored);
  streams_[0].pipe = child().stdout_pipe().is_open() ? &child().stdout_pipe() : nullptr;
  streams_[1].pipe = child().stderr_pipe().is_open() ? &child().stderr_pipe() : nullptr;
  if (child().pty().is_open()) {
    end_terminal_input(child().pty().native_handle());
    const auto place = std::ranges::find(streams_, nullptr, &stream::pipe);
    if (place != std::end(streams_))
      place->pipe = &child().pty();
  }
  for (stream& one : streams_)
    if (one.pipe) {
      ++parts_;
      read(one);
    }
}

void capture_operation::read(stream& from)
{
  const auto room = from.text.room();
  from.pipe->async_read_some(asio::buffer(room.data(), room.size()),
                             [self = self(this), &from](std::error_code ec, std::size_t got) {
                               from.text.add(got);
                               self->was_read(from, ec);
                             });
}

void capture_operation::was_read(stream& from, std::error_code ec)
{
  if (giving_up_ && from.pipe->is_open())
    read_what_is_there(from.pipe->native_handle(), from.text);
  if (from.text.must_stop())
    stop_at_limit();
  const bool by_us = giving_up_ || !from.pipe->is_open();
  if (!ec && !by_us)
    return read(from);
  std::error_code ignored;
  from.pipe->close(ignored);
  // The second is a terminal that its last user has left.
  const bool good = !ec || by_us || ec == asio::error::eof || ec.value() == EIO;
  part_ended(good ? std::error_code() : std::error_code(ec.value(), std::system_category()));
}

void capture_operation::stop_at_limit()
{
  if (!error_)
    error_.assign(ENOBUFS, std::system_category());
  std::error_code ignored;
  for (stream& one : streams_)
    if (one.pipe)
      one.pipe->close(ignored);
  if (options_.on_overflow == overflow::kill)
    child().kill(ignored);
}

void capture_operation::ended(std::error_code ec, exit_status status)
{
  output_.status = status;
  output_.report = report();
  if (cancelled())
    give_up_streams();
  else if (options_.drain_grace && parts_ > 1)
    start_grace();
  part_ended(ec);
}

void capture_operation::start_grace()
{
  grace_.emplace(child().get_executor(), deadline_after(*options_.drain_grace));
  grace_->async_wait([self = self(this)](std::error_code ec) {
    if (!ec && self->parts_ > 0)
      self->give_up_streams();
  });
}

// Whoever else holds a stream may do so for long; nobody waits for that. A read
// may be under way on another thread: it is told to stop, and has the last word.
void capture_operation::give_up_streams()
{
  giving_up_ = true;
  std::error_code ignored;
  for (stream& one : streams_)
    if (one.pipe && one.pipe->is_open()) {
      output_.left_open = true;
      one.pipe->cancel(ignored);
    }
}

void capture_operation::part_ended(std::error_code ec)
{
  if (!error_)
    error_ = ec;
  if (--parts_ == 0)
    finish();
}

void capture_operation::finish()
{
  stop_the_clock();
  grace_.reset();
  output_.out_dropped = streams_[0].text.dropped();
  output_.err_dropped = streams_[1].text.dropped();
  output_.out = streams_[0].text.take();
  output_.err = streams_[1].text.take();
  done_(cancelled() ? cause() : error_, std::move(output_));
}

} // namespace subprocess::detail
