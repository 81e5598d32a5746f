#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/error.hpp>
#include <asio/query.hpp>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <asio_integration/detail/operations/completion.hpp>
#include <asio_integration/detail/operations/operation.hpp>
#include <asio_integration/detail/reaper/tracked_child.hpp>
#include <asio_integration/detail/streams/child_pipes.hpp>
#include <asio_integration/detail/streams/output_reader.hpp>
#include <subprocess/detail/failures.hpp>
#include <subprocess/error.hpp>

namespace subprocess::detail {

/// Write the input, read both streams to their ends, and wait, all at the same
/// time, with a child that is the caller's.
template <class Executor>
class communicate_operation : public operation, private output_reader<Executor> {
  using reader = output_reader<Executor>;
  using self_type = communicate_operation;

public:
  using done_type = completion_owner<std::error_code, captured_output>;

  communicate_operation(const callers_executors& executors, done_type done, tracked_child child,
                        std::shared_ptr<stream_ends<Executor>> ends, capture_options options)
      : reader(options, outputs::kept), executors_(executors), done_(std::move(done)), child_(std::move(child)),
        ends_(std::move(ends)), limit_(options.limit), max_bytes_(options.max_bytes), failure_(options.failure),
        input_(std::move(options.input).value_or(std::string()))
  {
  }

private:
  void begin() override
  {
    const int error = !child_ ? EINVAL : !input_.empty() && !ends_->in().is_open() ? EBADF : 0;
    if (error)
      return complete({error, std::system_category()});
    if (const auto deadline = limit_.deadline_from(std::chrono::steady_clock::now()))
      watch_the_clock(*deadline);
    if (ends_->terminal().is_open())
      end_terminal_input(ends_->terminal().native_handle());
    child_.async_wait(executors_.io, step(stop_waiting_, [](self_type& op, std::error_code ec, exit_status status) {
                        op.exited(ec, status);
                      }));
    write_input();
    reader::read_streams(ends_, executors_.steps);
  }

  void cancelled(asio::cancellation_type) override { give_up(asio::error::operation_aborted); }
  void out_of_memory() noexcept override { give_up({ENOMEM, std::system_category()}); }

  // The child is the caller's: late, it is only not waited for any longer.
  void watch_the_clock(std::chrono::steady_clock::time_point deadline)
  {
    clock_.emplace(loop_executor(asio::query(executors_.io, asio::execution::context)));
    clock_->expires_at(deadline);
    clock_->async_wait(step(stop_clock_, [](self_type& op, std::error_code ec) {
      if (!ec)
        op.give_up({ETIMEDOUT, std::system_category()});
    }));
  }

  template <class Step>
  auto step(asio::cancellation_signal& stop, Step taken)
  {
    return callers_step_of(this->self(this), executors_.steps, stop, taken);
  }

  void exited(std::error_code ec, exit_status status)
  {
    if (!done_)
      return;
    if (given_up_)
      return finish_if_over();
    ended_ = true;
    wait_error_ = ec;
    output_.status = status;
    output_.report = child_->report();
    reader::child_ended();
    finish_if_over();
  }

  void write_input()
  {
    if (input_.empty())
      close_input();
    else
      write_rest();
  }

  // Not by asio::async_write(): that uses the slot between its steps, and without our lock.
  void write_rest()
  {
    asio::const_buffer rest = asio::buffer(input_);
    rest += sent_;
    ends_->in().async_write_some(rest, step(stop_writing_, [](self_type& op, std::error_code ec, std::size_t sent) {
                                   op.was_written(ec, sent);
                                 }));
    writing_ = true;
  }

  void was_written(std::error_code ec, std::size_t sent)
  {
    writing_ = false;
    sent_ += sent;
    if (!given_up_ && !ec && sent_ < input_.size())
      return write_rest();
    if (!given_up_)
      input_ended(ec);
    finish_if_over();
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

  std::shared_ptr<operation> running() override { return this->shared_from_this(); }
  void kill_at_limit() override { child_->signal(SIGKILL); }
  void sink_failed() override { give_up(asio::error::operation_aborted); }
  void streams_ended() override { finish_if_over(); }

  void give_up(std::error_code why) noexcept
  {
    if (!done_ || given_up_)
      return;
    given_up_ = why;
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
    complete(result());
  }

  void complete(std::error_code ec) noexcept
  {
    if (clock_)
      clock_->cancel(); // It must not hold the loop.
    if (failure_)
      tell(ec);
    done_(ec, std::move(output_));
  }

  void tell(std::error_code ec) noexcept
  {
    try {
      *failure_ = ec ? explain(ec) : spawn_failure();
    } catch (const std::bad_alloc&) {
      *failure_ = spawn_failure();
      failure_->code = ec;
    }
  }

  // Whatever program it is.
  spawn_failure explain(std::error_code ec) const
  {
    if (ec == given_up_)
      return ec.value() == ETIMEDOUT ? limit_passed({}, limit_) : not_waited({}, ec);
    if (ec != reader::read_error())
      return not_waited({}, ec);
    return ec.value() == ENOBUFS ? bytes_exceeded({}, max_bytes_) : not_read({}, ec.value());
  }

  std::error_code result() const
  {
    if (given_up_)
      return given_up_;
    if (const std::error_code ec = reader::read_error())
      return ec;
    return wait_error_ ? wait_error_ : write_error_;
  }

  const callers_executors executors_;
  done_type done_;
  const tracked_child child_;
  const std::shared_ptr<stream_ends<Executor>> ends_;
  const time_limit limit_;
  const std::size_t max_bytes_;
  spawn_failure* const failure_; // Null when nobody wants to know.
  const std::string input_;
  std::size_t sent_ = 0;            // Of it.
  std::optional<loop_timer> clock_; // While there is a limit.
  captured_output output_;
  std::error_code wait_error_;
  std::error_code write_error_;
  asio::cancellation_signal stop_clock_;
  asio::cancellation_signal stop_waiting_;
  asio::cancellation_signal stop_writing_;
  bool writing_ = false;
  bool ended_ = false;       // The child has.
  std::error_code given_up_; // Why: cancelled, out of time or out of memory.
};

} // namespace subprocess::detail
