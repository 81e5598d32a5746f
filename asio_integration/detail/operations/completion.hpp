#pragma once

#include <asio/associated_allocator.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/execution/outstanding_work.hpp>
#include <asio/post.hpp>
#include <asio/prefer.hpp>
#include <asio/recycling_allocator.hpp>

#include <memory>
#include <tuple>
#include <utility>

namespace subprocess::detail {

/// An executor that counts as outstanding work while it lives. Unlike
/// executor_work_guard it takes a strand of a polymorphic executor.
template <class Executor>
auto tracked(const Executor& executor)
{
  return asio::prefer(executor, asio::execution::outstanding_work.tracked);
}

template <class Executor>
using tracked_executor = decltype(tracked(std::declval<const Executor&>()));

/// A handler that waits to be called with `Args`, of whatever type it is.
/// Exactly one of its functions is called, once; it frees the object.
template <class... Args>
class completion {
public:
  /// Posts the handler to its associated executor; never calls it from within.
  virtual void complete(Args... args) = 0;

  /// Destroys the handler uncalled: its execution context is shutting down.
  virtual void abandon() noexcept = 0;

protected:
  ~completion() = default;
};

/// Owns a completion until it is called; destroys the handler if it never is.
template <class... Args>
class completion_owner {
public:
  completion_owner() noexcept = default;
  explicit completion_owner(completion<Args...>* held) noexcept : held_(held) {}
  completion_owner(completion_owner&& other) noexcept : held_(std::exchange(other.held_, nullptr)) {}
  completion_owner& operator=(completion_owner&& other) noexcept
  {
    std::swap(held_, other.held_);
    return *this;
  }
  ~completion_owner()
  {
    if (held_)
      held_->abandon();
  }

  explicit operator bool() const noexcept { return held_ != nullptr; }

  void operator()(Args... args) { std::exchange(held_, nullptr)->complete(std::move(args)...); }

private:
  completion<Args...>* held_ = nullptr;
};

/// What is posted: the handler and its arguments, with the handler's allocator.
template <class Handler, class... Args>
class bound_completion {
public:
  using allocator_type = asio::associated_allocator_t<Handler, asio::recycling_allocator<void>>;

  bound_completion(Handler&& handler, Args&&... args) : handler_(std::move(handler)), args_(std::move(args)...) {}

  allocator_type get_allocator() const noexcept
  {
    return asio::get_associated_allocator(handler_, asio::recycling_allocator<void>());
  }

  void operator()()
  {
    // An old cancellation handler must not outlive the operation; only here,
    // on the handler's own executor, may the slot be touched.
    if (auto slot = asio::get_associated_cancellation_slot(handler_); slot.is_connected())
      slot.clear();
    std::apply(std::move(handler_), std::move(args_));
  }

private:
  Handler handler_;
  std::tuple<Args...> args_;
};

/// A completion of one handler's type. `Base` derives from completion<Args...>.
template <class Base, class Handler, class Executor, class... Args>
class handler_completion final : public Base {
public:
  /// Allocates with the handler's allocator; Asio's recycling one by default.
  static handler_completion* make(Handler&& handler, const Executor& executor)
  {
    allocator alloc(asio::get_associated_allocator(handler, asio::recycling_allocator<void>()));
    memory place(alloc);
    return place.release(::new (place.get()) handler_completion(std::move(handler), executor));
  }

  void complete(Args... args) override
  {
    allocator alloc(asio::get_associated_allocator(handler_, asio::recycling_allocator<void>()));
    Handler handler(std::move(handler_));
    const auto executor = std::move(work_); // Counted as work until the post has counted itself.
    const auto io_work = std::move(io_work_);
    destroy(alloc);
    asio::post(executor, bound_completion<Handler, Args...>(std::move(handler), std::move(args)...));
  }

  void abandon() noexcept override
  {
    allocator alloc(asio::get_associated_allocator(handler_, asio::recycling_allocator<void>()));
    destroy(alloc);
  }

private:
  using allocator =
      typename std::allocator_traits<asio::associated_allocator_t<Handler, asio::recycling_allocator<void>>>::
          template rebind_alloc<handler_completion>;
  using executor_type = asio::associated_executor_t<Handler, Executor>;

  class memory {
  public:
    explicit memory(allocator& alloc) : alloc_(alloc), place_(alloc_.allocate(1)) {}
    memory(allocator& alloc, handler_completion* place) noexcept : alloc_(alloc), place_(place) {}
    memory(const memory&) = delete;
    memory& operator=(const memory&) = delete;
    ~memory()
    {
      if (place_)
        alloc_.deallocate(place_, 1);
    }
    handler_completion* get() const noexcept { return place_; }
    handler_completion* release(handler_completion* made) noexcept
    {
      place_ = nullptr;
      return made;
    }

  private:
    allocator& alloc_;
    handler_completion* place_;
  };

  handler_completion(Handler&& handler, const Executor& executor)
      : handler_(std::move(handler)), work_(tracked(asio::get_associated_executor(handler_, executor))),
        io_work_(tracked(executor))
  {
  }
  ~handler_completion() = default;

  // Frees the memory before the handler runs, so that the handler can have it.
  void destroy(allocator& alloc) noexcept
  {
    const memory place(alloc, this);
    this->~handler_completion();
  }

  Handler handler_;
  tracked_executor<executor_type> work_;
  tracked_executor<Executor> io_work_; // Keeps run() busy while this waits.
};

} // namespace subprocess::detail
