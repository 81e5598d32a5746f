#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/write.hpp>

#include <cerrno>
#include <csignal>
#include <memory>
#include <string>
#include <system_error>

#include <asio_integration/detail/streams/child_pipes.hpp>
#include <asio_integration/detail/operations/completion.hpp>
#include <asio_integration/detail/streams/output_reader.hpp>
#include <asio_integration/detail/reaper/tracked_child.hpp>

namespace subprocess::detail {

/// Write the input, read both streams to their ends, and wait, all at the same
/// time, with a child that is the caller's.
template <class Executor>
class communicate_operation final : public std::enable_shared_from_this<communicate_operation<Executor>>,
                                    private output_reader<Executor> {
  using reader = output_reader<Executor>;

public:
  using done_type = completion_owner<std::error_code, captured_output>;

  communicate_operation(const asio::any_io_executor& executor, done_type done, tracked_child child,
                        std::shared_ptr<stream_ends<Executor>> ends, capture_options options)
      : reader(options, outputs::kept, stream_owner::caller),
        strand_(child ? executor : asio::any_io_executor(nowhere().get_executor())), done_(std::move(done)),
        child_(std::move(child)), ends_(std::move(ends)), input_(std::move(options.input).value_or(std::string()))
  {
  }

  void start()
  {
    const int error = !child_ ? EINVAL : !input_.empty() && !ends_->in().is_open() ? EBADF : 0;
    if (error)
      return done_({error, std::system_category()}, {});
    asio::post(strand_, [self = this->shared_from_this()] { self->begin(); });
  }

  void cancel(asio::cancellation_type)
  {
    asio::post(strand_, [self = this->shared_from_this()] { self->give_up(); });
  }

private:
  void begin()
  {
    if (!done_)
      return;
    wait_for_exit();
    write_input();
    if (ends_->terminal().is_open())
      end_terminal_input(ends_->terminal().native_handle());
    reader::read_streams(ends_, strand_);
  }

  void wait_for_exit()
  {
    auto exited = [self = this->shared_from_this()](std::error_code ec, exit_status status) {
      if (!self->done_ || self->given_up_)
        return;
      self->ended_ = true;
      self->wait_error_ = ec;
      self->output_.status = status;
      self->output_.report = self->child_->report();
      self->child_ended();
      self->finish_if_over();
    };
    child_.async_wait(
        strand_, asio::bind_cancellation_slot(stop_waiting_.slot(), asio::bind_executor(strand_, std::move(exited))));
  }

  void write_input()
  {
    if (input_.empty())
      return close_input();
    writing_ = true;
    auto written = [self = this->shared_from_this()](std::error_code ec, std::size_t) {
      self->writing_ = false;
      if (!self->given_up_)
        self->input_ended(ec);
      self->finish_if_over();
    };
    asio::async_write(
        ends_->in(), asio::buffer(input_),
        asio::bind_cancellation_slot(stop_writing_.slot(), asio::bind_executor(strand_, std::move(written))));
  }

  // A child that wants no more of it, or a caller who has closed the stream, is no
  // error.
  void input_ended(std::error_code ec)
  {
    const bool good = !ec || ec.value() == EPIPE || ec.value() == ECONNRESET || !ends_->in().is_open();
    if (!good)
      write_error_.assign(ec.value(), std::system_category());
    close_input();
  }

  void close_input()
  {
    std::error_code ignored;
    ends_->in().close(ignored);
  }

  std::shared_ptr<void> alive() override { return this->shared_from_this(); }
  void kill_at_limit() override { child_->signal(SIGKILL); }
  void streams_ended() override { finish_if_over(); }

  void give_up()
  {
    if (!done_ || given_up_)
      return;
    given_up_ = true;
    reader::give_up_streams();
    stop_waiting_.emit(asio::cancellation_type::terminal);
    stop_writing_.emit(asio::cancellation_type::terminal);
    finish_if_over();
  }

  // Input that is still under way then is for nobody; but a caller who has
  // cancelled may write on.
  void finish_if_over()
  {
    if (!done_ || reader::is_reading() || !(given_up_ ? !writing_ : ended_))
      return;
    if (!given_up_)
      close_input();
    reader::give(output_);
    done_(result(), std::move(output_));
  }

  std::error_code result() const
  {
    if (given_up_)
      return asio::error::operation_aborted;
    if (const std::error_code ec = reader::read_error())
      return ec;
    return wait_error_ ? wait_error_ : write_error_;
  }

  asio::strand<asio::any_io_executor> strand_; // All below happens on it.
  done_type done_;
  tracked_child child_;
  std::shared_ptr<stream_ends<Executor>> ends_;
  const std::string input_;
  captured_output output_;
  std::error_code wait_error_;
  std::error_code write_error_;
  asio::cancellation_signal stop_waiting_;
  asio::cancellation_signal stop_writing_;
  bool writing_ = false;
  bool ended_ = false;    // The child has.
  bool given_up_ = false; // Cancelled.
};

} // namespace subprocess::detail
