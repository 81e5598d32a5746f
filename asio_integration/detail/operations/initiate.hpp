#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/async_result.hpp>
#include <asio/cancellation_type.hpp>

#include <memory>
#include <utility>

#include <asio_integration/detail/operations/completion.hpp>

namespace subprocess::detail {

/// Asks a running operation to stop, from whatever thread emits.
template <class Operation>
class cancel_operation {
public:
  explicit cancel_operation(const std::shared_ptr<Operation>& operation) noexcept : operation_(operation) {}

  void operator()(asio::cancellation_type type)
  {
    if (const auto operation = operation_.lock())
      operation->cancel(type);
  }

private:
  std::weak_ptr<Operation> operation_;
};

/// The shape of every composed operation here: `Operation` is no template; it
/// is made with the executor, a completion_owner and `args`, told how to be
/// cancelled, and started. It keeps itself alive until it has completed.
template <class Operation, class... Results, class Token, class... Args>
auto initiate(const asio::any_io_executor& executor, Token& token, Args&&... args)
{
  return asio::async_initiate<Token, void(Results...)>(
      [](auto handler, const asio::any_io_executor& ex, auto&&... rest) {
        using handler_type = decltype(handler);
        using base = completion<Results...>;
        auto slot = asio::get_associated_cancellation_slot(handler);
        completion_owner<Results...> done(
            handler_completion<base, handler_type, asio::any_io_executor, Results...>::make(std::move(handler), ex));
        auto operation = std::make_shared<Operation>(ex, std::move(done), std::forward<decltype(rest)>(rest)...);
        // Before the start: afterwards the handler may be running already.
        if (slot.is_connected())
          slot.template emplace<cancel_operation<Operation>>(operation);
        operation->start();
      },
      token, executor, std::forward<Args>(args)...);
}

} // namespace subprocess::detail
