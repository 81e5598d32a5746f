#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/execution_context.hpp>

#include <utility>

namespace subprocess::detail {

/// An executor whose pending handlers are no work of their own. A wait of an I/O
/// object is counted by the scheduler, and for most executors by its handler once
/// more; idle_work takes back the one count, and here the other never comes to be.
class background_executor {
public:
  explicit background_executor(asio::any_io_executor executor) noexcept : executor_(std::move(executor)) {}

  asio::execution_context& query(asio::execution::context_t) const noexcept
  {
    return asio::query(executor_, asio::execution::context);
  }

  background_executor require(asio::execution::blocking_t::never_t never) const
  {
    return background_executor(asio::require(executor_, never));
  }

  template <class Function>
  void execute(Function function) const
  {
    executor_.execute(std::move(function));
  }

  friend bool operator==(const background_executor& a, const background_executor& b) noexcept
  {
    return a.executor_ == b.executor_;
  }
  friend bool operator!=(const background_executor& a, const background_executor& b) noexcept { return !(a == b); }

private:
  asio::any_io_executor executor_;
};

} // namespace subprocess::detail
