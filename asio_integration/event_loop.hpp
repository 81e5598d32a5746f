#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/execution_context.hpp>

#include <concepts>
#include <type_traits>
#include <utility>

namespace subprocess {

/// An execution context, whose executor stands for it.
template <class Context>
concept execution_context_like =
    std::derived_from<Context, asio::execution_context> && requires(Context& context) { context.get_executor(); };

/// Where the operations on a child complete. What takes one can be given an execution
/// context, which has to outlive the operation, or any executor:
///
///     async_run(io, what, token);
///     async_run(asio::make_strand(io), what, token);
///
/// A value, as cheap to copy as an executor.
///
/// Thread safety: distinct objects are safe.
class event_loop {
public:
  /// The context's own executor, or the one that is given.
  template <execution_context_like Context>
  event_loop(Context& context) : executor_(context.get_executor())
  {
  }

  template <class Executor>
    requires(!std::derived_from<Executor, asio::execution_context> && !std::same_as<Executor, event_loop> &&
             std::convertible_to<const Executor&, asio::any_io_executor>)
  event_loop(const Executor& executor) : executor_(executor)
  {
  }

  /// Where operations complete that have no executor of their own.
  const asio::any_io_executor& get_executor() const noexcept { return executor_; }

private:
  asio::any_io_executor executor_;
};

} // namespace subprocess
