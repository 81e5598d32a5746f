#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>

#include <memory>
#include <system_error>
#include <tuple>
#include <utility>

#include <asio_integration/detail/operations/completion.hpp>
#include <asio_integration/detail/operations/initiate.hpp>
#include <asio_integration/detail/operations/permit_pool.hpp>

namespace subprocess::detail {

/// An operation on a child that waits for a permit first, and gives it back when
/// the child is reaped.
template <class Operation, class Result, class... Args>
class limited_operation : public std::enable_shared_from_this<limited_operation<Operation, Result, Args...>> {
public:
  using done_type = completion_owner<std::error_code, Result>;

  limited_operation(const asio::any_io_executor& executor, done_type done, std::shared_ptr<permit_pool> pool,
                    Args... args)
      : strand_(executor), done_(std::move(done)), pool_(std::move(pool)), args_(std::move(args)...)
  {
  }

  void start()
  {
    auto handler = [self = this->shared_from_this()](std::error_code ec, spawn_permit permit) {
      self->acquired(ec, std::move(permit));
    };
    async_acquire(pool_, strand_, on_strand(std::move(handler)));
  }

  void cancel(asio::cancellation_type type)
  {
    asio::post(strand_, [self = this->shared_from_this(), type] {
      self->cancelled_ = true;
      self->stop_.emit(type);
    });
  }

private:
  template <class Handler>
  auto on_strand(Handler handler)
  {
    return asio::bind_cancellation_slot(stop_.slot(), asio::bind_executor(strand_, std::move(handler)));
  }

  void acquired(std::error_code ec, spawn_permit permit)
  {
    if (ec || cancelled_) { // The permit may have been on its way.
      permit.release();
      return done_(asio::error::operation_aborted, Result());
    }
    permit_ = std::move(permit);
    auto token = on_strand([self = this->shared_from_this()](std::error_code end, Result result) {
      self->permit_.release();
      self->done_(end, std::move(result));
    });
    std::apply(
        [&](Args&... args) {
          initiate<Operation, std::error_code, Result>(strand_.get_inner_executor(), token, std::move(args)...);
        },
        args_);
  }

  asio::strand<asio::any_io_executor> strand_;
  done_type done_;
  std::shared_ptr<permit_pool> pool_;
  std::tuple<Args...> args_;
  asio::cancellation_signal stop_;
  bool cancelled_ = false;
  spawn_permit permit_;
};

} // namespace subprocess::detail
