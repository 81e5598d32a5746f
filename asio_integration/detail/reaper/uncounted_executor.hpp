#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/execution_context.hpp>
#include <asio/require.hpp>

#include <concepts>
#include <utility>

namespace subprocess::detail {

/// An executor that cannot be asked to track outstanding work.
///
/// An operation of an I/O object counts itself as work, and once more through
/// the executor of its object unless that is an io_context's. idle_work takes
/// back the first; with this the second is never there.
class uncounted_executor {
public:
  // A template: whether any_io_executor can hold this class must not depend on
  // whether this class can be made of what any_io_executor can hold.
  template <std::same_as<asio::any_io_executor> Inner>
  explicit uncounted_executor(Inner inner) noexcept : inner_(std::move(inner))
  {
  }

  asio::execution_context& query(asio::execution::context_t) const noexcept
  {
    return asio::query(inner_, asio::execution::context);
  }

  uncounted_executor require(asio::execution::blocking_t::never_t) const
  {
    return uncounted_executor(asio::require(inner_, asio::execution::blocking.never));
  }

  template <class Function>
  void execute(Function function) const
  {
    inner_.execute(std::move(function));
  }

  friend bool operator==(const uncounted_executor& a, const uncounted_executor& b) noexcept
  {
    return a.inner_ == b.inner_;
  }
  friend bool operator!=(const uncounted_executor& a, const uncounted_executor& b) noexcept { return !(a == b); }

private:
  asio::any_io_executor inner_;
};

} // namespace subprocess::detail
