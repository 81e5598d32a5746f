#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/cancellation_type.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <type_traits>
#include <utility>

#include <asio_integration/detail/operations/completion.hpp>
#include <asio_integration/detail/operations/operation.hpp>

namespace subprocess::detail {

/// The way from a cancellation slot to its operation, which may be gone. No weak_ptr: that
/// would keep the operation's memory, which goes back before the handler is called.
class cancel_link {
public:
  void lead_to(operation* running) noexcept
  {
    const std::lock_guard lock(mutex_);
    running_ = running;
  }

  /// Null once it ends.
  std::shared_ptr<operation> follow() noexcept
  {
    const std::lock_guard lock(mutex_);
    return running_ ? running_->weak_from_this().lock() : nullptr;
  }

private:
  std::mutex mutex_;
  operation* running_ = nullptr;
};

/// Asks a running operation to stop, from whatever thread emits.
class cancel_operation {
public:
  explicit cancel_operation(std::shared_ptr<cancel_link> link) noexcept : link_(std::move(link)) {}

  void operator()(asio::cancellation_type type)
  {
    if (const auto running = link_->follow())
      running->cancel(type);
  }

private:
  std::shared_ptr<cancel_link> link_;
};

/// An operation that takes its memory, and that of its steps, by the handler's allocator.
template <class Operation, class Allocator>
class allocated_operation final : public Operation, private std::pmr::memory_resource {
public:
  template <class... Args>
  explicit allocated_operation(const Allocator& allocator, std::shared_ptr<cancel_link> link, Args&&... args)
      : Operation(std::forward<Args>(args)...), allocator_(allocator), link_(std::move(link))
  {
    operation::use_memory(this);
    if (link_)
      link_->lead_to(this);
  }
  ~allocated_operation() override
  {
    if (link_)
      link_->lead_to(nullptr);
  }

private:
  using unit = std::max_align_t;
  using unit_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<unit>;

  static std::size_t units(std::size_t bytes) noexcept { return (bytes + sizeof(unit) - 1) / sizeof(unit); }

  void* do_allocate(std::size_t bytes, std::size_t) override { return allocator_.allocate(units(bytes)); }
  void do_deallocate(void* place, std::size_t bytes, std::size_t) override
  {
    allocator_.deallocate(static_cast<unit*>(place), units(bytes));
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }

  unit_allocator allocator_;
  const std::shared_ptr<cancel_link> link_; // Null where nobody can cancel.
};

/// Takes memory for the operation itself, and tells its completion when it is back.
template <class T, class Completion>
class operation_allocator {
public:
  using value_type = T;

  explicit operation_allocator(Completion* done) noexcept : done_(done) {}
  template <class Other>
  operation_allocator(const operation_allocator<Other, Completion>& other) noexcept : done_(other.done_)
  {
  }

  T* allocate(std::size_t count)
  {
    allocator alloc(done_->get_allocator());
    T* const place = alloc.allocate(count);
    done_->attach();
    return place;
  }
  void deallocate(T* place, std::size_t count) noexcept
  {
    allocator alloc(done_->get_allocator());
    alloc.deallocate(place, count);
    done_->memory_released();
  }

  template <class Other>
  friend bool operator==(const operation_allocator& a, const operation_allocator<Other, Completion>& b) noexcept
  {
    return a.done_ == b.done_;
  }

private:
  template <class Other, class OfCompletion>
  friend class operation_allocator;
  using allocator =
      typename std::allocator_traits<decltype(std::declval<Completion&>().get_allocator())>::template rebind_alloc<T>;

  Completion* done_;
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

/// The shape of every composed operation here: `Operation` is made with the executors,
/// a completion_owner and `args`, told how to be cancelled, and started.
template <class Operation, class... Results>
class initiation {
public:
  // cancel_after() and as_default_on() ask for it.
  using executor_type = asio::any_io_executor;

  explicit initiation(const executor_type& executor) noexcept : executor_(executor) {}

  const executor_type& get_executor() const noexcept { return executor_; }

  template <class Handler, class... Args>
  void operator()(Handler&& source, Args&&... args) const
  {
    using handler_type = std::decay_t<Handler>;
    using done_type = handler_completion<completion<Results...>, handler_type, asio::any_io_executor, Results...>;
    using made_operation = allocated_operation<Operation, allocator_of<handler_type>>;
    handler_type handler(std::forward<Handler>(source));
    auto slot = asio::get_associated_cancellation_slot(handler);
    const callers_executors executors{executor_, executor_of_steps(handler, executor_)};
    auto link = slot.is_connected() ? std::make_shared<cancel_link>() : nullptr;
    done_type* const done = done_type::make(std::move(handler), executor_);
    completion_owner<Results...> owned(done);
    const auto running = std::allocate_shared<made_operation>(operation_allocator<made_operation, done_type>(done),
                                                              done->get_allocator(), link, executors, std::move(owned),
                                                              std::forward<Args>(args)...);
    // Before the start: afterwards the handler may be running already.
    if (link)
      slot.template emplace<cancel_operation>(std::move(link));
    running->start();
  }

private:
  executor_type executor_;
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

template <class Operation, class... Results, class Token, class... Args>
auto initiate(const asio::any_io_executor& executor, Token& token, Args&&... args)
{
  return asio::async_initiate<Token, void(Results...)>(initiation<Operation, Results...>(executor), token,
                                                       std::forward<Args>(args)...);
}

} // namespace subprocess::detail
