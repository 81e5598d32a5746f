#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/query.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

#include <asio_integration/detail/operations/caller.hpp>
#include <asio_integration/detail/operations/completion.hpp>

namespace subprocess::detail {

/// Asks a running operation to stop, from whatever thread emits.
class cancel_operation {
public:
  explicit cancel_operation(std::shared_ptr<cancel_link> link) noexcept : link_(std::move(link)) {}

  void operator()(asio::cancellation_type type) { link_->cancel(type); }

private:
  std::shared_ptr<cancel_link> link_;
};

/// What an operation has of its caller's handler: whom to tell, and memory.
template <class Handler, class Executor, class... Results>
class caller_completion : public completion<Results...>, public handler_memory {
public:
  void* take(std::size_t bytes) override
  {
    allocator alloc(self().get_allocator());
    return alloc.allocate(units(bytes));
  }
  void give_back(void* place, std::size_t bytes) noexcept override
  {
    allocator alloc(self().get_allocator());
    alloc.deallocate(static_cast<unit*>(place), units(bytes));
  }

  void* take_for_operation(std::size_t bytes) override
  {
    void* const place = take(bytes);
    self().attach();
    return place;
  }
  void give_back_operation(void* place, std::size_t bytes) noexcept override
  {
    give_back(place, bytes);
    self().memory_released();
  }

protected:
  ~caller_completion() = default;

private:
  using derived = handler_completion<caller_completion, Handler, Executor, Results...>;
  using unit = std::max_align_t;
  using allocator = typename std::allocator_traits<allocator_of<Handler>>::template rebind_alloc<unit>;

  static std::size_t units(std::size_t bytes) noexcept { return (bytes + sizeof(unit) - 1) / sizeof(unit); }

  derived& self() noexcept { return static_cast<derived&>(*this); }
};

/// Where an operation's steps on the caller's objects run: with the handler. An
/// executor that no any_io_executor can hold is passed over.
template <class Handler>
asio::any_io_executor executor_of_steps(const Handler& handler, const asio::any_io_executor& executor)
{
  const auto associated = asio::get_associated_executor(handler, executor);
  if constexpr (std::constructible_from<asio::any_io_executor, decltype(associated)>)
    return asio::any_io_executor(associated);
  else
    return executor;
}

/// The shape of every composed operation here: it is made by `Make` with its caller, a
/// completion_owner and `args`, told how to be cancelled, and started.
template <class Make, class... Results>
class initiation {
public:
  // cancel_after() and as_default_on() ask for it.
  using executor_type = asio::any_io_executor;

  initiation(const executor_type& executor, const event_queue& loop) noexcept : executor_(executor), loop_(loop) {}

  const executor_type& get_executor() const noexcept { return executor_; }

  template <class Handler, class... Args>
  void operator()(Handler&& source, Args&&... args) const
  {
    using handler_type = std::decay_t<Handler>;
    using base_type = caller_completion<handler_type, asio::any_io_executor, Results...>;
    using done_type = handler_completion<base_type, handler_type, asio::any_io_executor, Results...>;
    handler_type handler(std::forward<Handler>(source));
    auto slot = asio::get_associated_cancellation_slot(handler);
    callers_executors executors{executor_, executor_of_steps(handler, executor_)};
    auto link = slot.is_connected() ? std::make_shared<cancel_link>() : nullptr;
    done_type* const done = done_type::make(std::move(handler), executor_, loop_);
    completion_owner<Results...> owned(done);
    const std::shared_ptr<operation> made =
        Make()(caller{std::move(executors), *done, link}, std::move(owned), std::forward<Args>(args)...);
    // Before the start: afterwards the handler may be running already.
    if (link)
      slot.template emplace<cancel_operation>(std::move(link));
    begin_operation(*made);
  }

private:
  executor_type executor_;
  event_queue loop_;
};

/// What is no operation: `start(handler, executor, args…)` makes it wait for something.
template <class Executor, class Start>
class initiation_by {
public:
  // cancel_after() and as_default_on() ask for it.
  using executor_type = Executor;

  initiation_by(const executor_type& executor, Start start) : executor_(executor), start_(std::move(start)) {}

  const executor_type& get_executor() const noexcept { return executor_; }

  template <class Handler, class... Args>
  void operator()(Handler&& handler, Args&&... args) const
  {
    start_(std::decay_t<Handler>(std::forward<Handler>(handler)), executor_, std::forward<Args>(args)...);
  }

private:
  executor_type executor_;
  Start start_;
};

/// \param loop  That of the executor's context, from somebody who knows it: to find it
///              takes a lock, and a search through the context's services.
template <class Make, class... Results, class Token, class... Args>
auto initiate_on(const asio::any_io_executor& executor, const event_queue& loop, Token& token, Args&&... args)
{
  return asio::async_initiate<Token, void(Results...)>(initiation<Make, Results...>(executor, loop), token,
                                                       std::forward<Args>(args)...);
}

template <class Make, class... Results, class Token, class... Args>
auto initiate(const asio::any_io_executor& executor, Token& token, Args&&... args)
{
  return initiate_on<Make, Results...>(executor, event_queue(asio::query(executor, asio::execution::context)), token,
                                       std::forward<Args>(args)...);
}

} // namespace subprocess::detail
