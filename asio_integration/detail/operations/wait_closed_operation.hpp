#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <system_error>

#include <asio_integration/detail/streams/child_pipes.hpp>
#include <asio_integration/detail/operations/completion.hpp>
#include <asio_integration/detail/reaper/tracked_child.hpp>
#include <subprocess/detail/process/poll_time.hpp>

namespace subprocess::detail {

/// The child's end, and the hang-up of all that it could write to; in either
/// order, since others may hold the streams and the child may close them.
template <class Executor>
class wait_closed_operation : public std::enable_shared_from_this<wait_closed_operation<Executor>> {
public:
  using done_type = completion_owner<std::error_code, exit_status>;
  using grace_type = std::optional<std::chrono::nanoseconds>;

  wait_closed_operation(const asio::any_io_executor& executor, done_type done, tracked_child child,
                        std::shared_ptr<stream_ends<Executor>> ends, grace_type drain_grace)
      : strand_(child ? executor : asio::any_io_executor(nowhere().get_executor())), done_(std::move(done)),
        child_(std::move(child)), ends_(std::move(ends)), drain_grace_(drain_grace), timer_(strand_)
  {
  }

  // The waits begin here, where the caller may use the streams: none of their
  // handlers counts before all have begun, since the child's comes last.
  void start()
  {
    if (!child_)
      return finish({EINVAL, std::system_category()});
    const auto outputs = ends_->all_outputs();
    std::array<bool, outputs_count> held{};
    for (std::size_t i = 0; i < outputs_count; ++i)
      held[i] = outputs[i] && !is_hung_up(outputs[i]->native_handle());
    for (const bool one : held)
      parts_ += one;
    for (std::size_t i = 0; i < outputs_count; ++i)
      if (held[i])
        wait_for_hang_up(*outputs[i], i);
    wait_for_exit();
  }

  void cancel(asio::cancellation_type)
  {
    asio::post(strand_, [self = this->shared_from_this()] { self->finish(asio::error::operation_aborted); });
  }

private:
  static constexpr std::size_t outputs_count = 3;
  using pipe_type = typename stream_ends<Executor>::pipe_type;

  template <class Function>
  auto on_strand(asio::cancellation_signal& stop, Function function)
  {
    return asio::bind_cancellation_slot(stop.slot(), asio::bind_executor(strand_, std::move(function)));
  }

  // A hang-up is told as an error condition, whatever is left to read. The
  // caller's own cancel() of the stream must not end this.
  void wait_for_hang_up(pipe_type& end, std::size_t i)
  {
    end.async_wait(pipe_type::wait_error,
                   on_strand(stop_[i], [self = this->shared_from_this(), &end, i](std::error_code) {
                     if (!self->done_)
                       return;
                     if (end.is_open() && !is_hung_up(end.native_handle()))
                       return self->wait_for_hang_up(end, i);
                     self->part_ended();
                   }));
  }

  void wait_for_exit()
  {
    child_.async_wait(
        strand_, on_strand(stop_[outputs_count], [self = this->shared_from_this()](std::error_code ec, exit_status s) {
          if (!self->done_)
            return;
          if (ec)
            return self->finish(ec);
          self->status_ = s;
          self->start_grace();
          self->part_ended();
        }));
  }

  void start_grace()
  {
    if (!drain_grace_ || parts_ == 1)
      return;
    timer_.expires_at(deadline_after(*drain_grace_));
    timer_.async_wait([self = this->shared_from_this()](std::error_code ec) {
      if (!ec)
        self->finish({});
    });
  }

  void part_ended()
  {
    if (--parts_ == 0)
      finish({});
  }

  void finish(std::error_code ec)
  {
    if (!done_)
      return;
    done_(ec, ec ? exit_status() : status_);
    timer_.cancel();
    for (asio::cancellation_signal& stop : stop_)
      stop.emit(asio::cancellation_type::terminal);
  }

  asio::strand<asio::any_io_executor> strand_; // The handlers run on it.
  done_type done_;
  tracked_child child_;
  std::shared_ptr<stream_ends<Executor>> ends_;
  const grace_type drain_grace_;
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                             asio::strand<asio::any_io_executor>>
      timer_;
  asio::cancellation_signal stop_[outputs_count + 1]; // The last one is the child's.
  int parts_ = 1;                                     // The child and the streams that others hold.
  exit_status status_;
};

} // namespace subprocess::detail
