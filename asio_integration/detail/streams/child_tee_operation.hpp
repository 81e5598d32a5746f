#pragma once

#include <asio/error.hpp>
#include <asio/query.hpp>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <system_error>
#include <tuple>
#include <utility>

#include <asio_integration/detail/operations/exit_wait.hpp>
#include <asio_integration/detail/streams/stream_ends.hpp>
#include <asio_integration/detail/streams/tee_operation.hpp>
#include <subprocess/detail/process/poll_time.hpp>

namespace subprocess::detail {

/// A tee of a child's stdout that others hold no longer than a grace after its end.
template <class Executor, class... Sinks>
class child_tee_operation : public tee_operation<typename stream_ends<Executor>::pipe_type, Sinks...> {
  using pipe_type = typename stream_ends<Executor>::pipe_type;
  using tee = tee_operation<pipe_type, Sinks...>;

public:
  child_tee_operation(const callers_executors& executors, typename tee::done_type done, tracked_child child,
                      std::shared_ptr<stream_ends<Executor>> ends, std::tuple<Sinks&...> sinks,
                      std::chrono::nanoseconds drain_grace)
      : tee(executors, std::move(done), ends->out(), sinks), child_(std::move(child)), ends_(std::move(ends)),
        grace_(drain_grace)
  {
  }

private:
  void begin() override
  {
    if (!child_)
      this->fail({EINVAL, std::system_category()});
    else
      exit_.begin(this->self(this), child_, &child_tee_operation::ended);
    tee::begin();
  }

  // However it has ended, or was lost.
  void ended(std::error_code, exit_status)
  {
    if (this->is_over())
      return;
    timer_.emplace(loop_executor(asio::query(ends_->get_executor(), asio::execution::context)));
    timer_->expires_at(deadline_after(grace_));
    timer_->async_wait(step_of(this->self(this), [](child_tee_operation& op, std::error_code ec) {
      if (!ec && !op.is_over())
        op.give_up_source();
    }));
  }

  void over() noexcept override
  {
    exit_.stop();
    if (timer_)
      timer_->cancel();
  }

  std::size_t unread() noexcept override
  {
    typename pipe_type::bytes_readable asked;
    std::error_code ec;
    ends_->out().io_control(asked, ec);
    return ec ? 0 : asked.get();
  }

  const tracked_child child_;
  const std::shared_ptr<stream_ends<Executor>> ends_; // The child may be moved or destroyed.
  const std::chrono::nanoseconds grace_;
  exit_wait<child_tee_operation> exit_;
  std::optional<loop_timer> timer_; // Of the grace.
};

} // namespace subprocess::detail
