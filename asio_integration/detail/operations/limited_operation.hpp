#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/error.hpp>
#include <asio/query.hpp>

#include <cerrno>
#include <cstddef>
#include <memory>
#include <system_error>
#include <tuple>
#include <utility>

#include <asio_integration/detail/operations/completion.hpp>
#include <asio_integration/detail/operations/operation.hpp>
#include <asio_integration/detail/operations/permit_pool.hpp>
#include <asio_integration/detail/operations/step_completion.hpp>

namespace subprocess::detail {

/// An operation on a child that waits for a permit first, and gives it back when
/// the child is reaped.
template <class Operation, class Result, class... Args>
class limited_operation : public operation {
  using self_type = limited_operation;

public:
  using done_type = completion_owner<std::error_code, Result>;

  limited_operation(const callers_executors& executors, done_type done, std::shared_ptr<permit_pool> pool, Args... args)
      : executors_(executors), done_(std::move(done)), pool_(std::move(pool)), args_(std::move(args)...),
        acquired_(context(), &self_type::acquired), ended_(context(), &self_type::ended)
  {
  }

private:
  asio::execution_context& context() const { return asio::query(executors_.io, asio::execution::context); }

  void begin() override { pool_->acquire(acquired_.expected_by(this->self(this))); }

  void cancelled(asio::cancellation_type type) override
  {
    cancelled_ = true;
    if (const auto running = running_.lock())
      running->cancel(type);
    else
      pool_->cancel(acquired_.id);
  }

  void out_of_memory() noexcept override { finish({ENOMEM, std::system_category()}, Result()); }

  static void acquired(self_type& self, std::size_t, std::error_code ec, spawn_permit permit)
  {
    if (ec || self.cancelled_) // The permit may have been on its way.
      return self.finish(asio::error::operation_aborted, Result());
    self.permit_ = std::move(permit);
    const auto running = std::apply(
        [&](Args&... args) {
          return std::make_shared<Operation>(
              self.executors_, completion_owner<std::error_code, Result>(&self.ended_.expected_by(self.self(&self))),
              std::move(args)...);
        },
        self.args_);
    self.running_ = running;
    running->start();
  }

  static void ended(self_type& self, std::size_t, std::error_code ec, Result result)
  {
    self.finish(ec, std::move(result));
  }

  void finish(std::error_code ec, Result result) noexcept
  {
    if (!done_)
      return;
    permit_.release();
    done_(ec, std::move(result));
  }

  const callers_executors executors_;
  done_type done_;
  const std::shared_ptr<permit_pool> pool_;
  std::tuple<Args...> args_;
  step_completion<self_type, permit_waiter, std::error_code, spawn_permit> acquired_;
  step_completion<self_type, completion<std::error_code, Result>, std::error_code, Result> ended_;
  std::weak_ptr<Operation> running_; // It keeps itself, and by its completion this.
  spawn_permit permit_;
  bool cancelled_ = false;
};

} // namespace subprocess::detail
