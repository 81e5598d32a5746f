#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/error.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include <asio_integration/detail/operations/completion.hpp>
#include <asio_integration/detail/operations/operation.hpp>
#include <asio_integration/detail/reaper/tracked_child.hpp>
#include <asio_integration/detail/streams/child_pipes.hpp>
#include <subprocess/detail/process/poll_time.hpp>

namespace subprocess::detail {

/// The child's end, and the hang-up of all that it could write to; in either
/// order, since others may hold the streams and the child may close them.
template <class Executor>
class wait_closed_operation : public operation {
public:
  using done_type = completion_owner<std::error_code, exit_status>;
  using grace_type = std::optional<std::chrono::nanoseconds>;

  wait_closed_operation(const callers_executors& executors, done_type done, tracked_child child,
                        std::shared_ptr<stream_ends<Executor>> ends, grace_type drain_grace)
      : executors_(executors), done_(std::move(done)), child_(std::move(child)), ends_(std::move(ends)),
        drain_grace_(drain_grace)
  {
  }

private:
  static constexpr std::size_t outputs_count = 3;
  using pipe_type = typename stream_ends<Executor>::pipe_type;
  using self_type = wait_closed_operation;

  void begin() override
  {
    if (!child_)
      return finish({EINVAL, std::system_category()});
    const auto outputs = ends_->all_outputs();
    for (std::size_t i = 0; i < outputs_count; ++i)
      if (outputs[i] && !is_hung_up(outputs[i]->native_handle())) {
        ++parts_;
        wait_for_hang_up(*outputs[i], i);
      }
    child_.async_wait(executors_.io, step(stop_[outputs_count],
                                          [](self_type& op, std::error_code ec, exit_status s) { op.exited(ec, s); }));
  }

  void cancelled(asio::cancellation_type) override { finish(asio::error::operation_aborted); }
  void out_of_memory() noexcept override { finish({ENOMEM, std::system_category()}); }

  template <class Step>
  auto step(asio::cancellation_signal& stop, Step taken)
  {
    return callers_step_of(this->self(this), executors_.steps, stop, taken);
  }

  void wait_for_hang_up(pipe_type& end, std::size_t i)
  {
    end.async_wait(pipe_type::wait_error, step(stop_[i], [&end, i](self_type& op, std::error_code) {
                     if (!op.done_)
                       return;
                     if (end.is_open() && !is_hung_up(end.native_handle()))
                       return op.wait_for_hang_up(end, i);
                     op.part_ended();
                   }));
  }

  void exited(std::error_code ec, exit_status status)
  {
    if (!done_)
      return;
    if (ec)
      return finish(ec);
    status_ = status;
    start_grace();
    part_ended();
  }

  void start_grace()
  {
    if (!drain_grace_ || parts_ == 1)
      return;
    timer_.emplace(loop_executor(asio::query(executors_.io, asio::execution::context)));
    timer_->expires_at(deadline_after(*drain_grace_));
    timer_->async_wait(step_of(this->self(this), [](self_type& op, std::error_code ec) {
      if (!ec)
        op.finish({});
    }));
  }

  void part_ended()
  {
    if (--parts_ == 0)
      finish({});
  }

  void finish(std::error_code ec) noexcept
  {
    if (!done_)
      return;
    done_(ec, ec ? exit_status() : status_);
    if (timer_)
      timer_->cancel();
    for (asio::cancellation_signal& stop : stop_)
      stop.emit(asio::cancellation_type::terminal);
  }

  const callers_executors executors_;
  done_type done_;
  const tracked_child child_;
  const std::shared_ptr<stream_ends<Executor>> ends_;
  const grace_type drain_grace_;
  std::optional<loop_timer> timer_;
  asio::cancellation_signal stop_[outputs_count + 1]; // The last one is the child's.
  int parts_ = 1;                                     // The child and the streams that others hold.
  exit_status status_;
};

} // namespace subprocess::detail
