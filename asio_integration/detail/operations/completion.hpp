#pragma once

#include <asio/associated_allocator.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/execution_context.hpp>
#include <asio/query.hpp>
#include <asio/recycling_allocator.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>

#include <asio_integration/detail/asio_internals.hpp>
#include <asio_integration/detail/operations/step_end.hpp>

namespace subprocess::detail {

/// A handler that waits to be called with `Args`, of whatever type it is.
/// Exactly one of its functions is called, once; it frees the object.
template <class... Args>
class completion {
public:
  /// Has the handler called, on its associated executor and never from within this
  /// call. Takes no memory: what is to be told cannot get lost on the way. If the
  /// executor throws, that leaves the loop's run(), and costs this handler alone.
  virtual void complete(Args... args) noexcept = 0;

  /// The same, and at that end if it can be: for what completes in a step that runs
  /// where the handler does, and not within the call that began the operation.
  virtual void complete_at(step_end& end, Args... args) noexcept
  {
    static_cast<void>(end);
    complete(std::move(args)...);
  }

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

  /// It is somebody else's now.
  void release() noexcept { held_ = nullptr; }

  void operator()(Args... args) noexcept { std::exchange(held_, nullptr)->complete(std::move(args)...); }
  void at(step_end& end, Args... args) noexcept { std::exchange(held_, nullptr)->complete_at(end, std::move(args)...); }

private:
  completion<Args...>* held_ = nullptr;
};

/// The allocator that a handler brings; Asio's recycling one by default.
template <class Handler>
using allocator_of = asio::associated_allocator_t<Handler, asio::recycling_allocator<void>>;

template <class Handler>
allocator_of<Handler> get_allocator_of(const Handler& handler) noexcept
{
  return asio::get_associated_allocator(handler, asio::recycling_allocator<void>());
}

/// A step of an operation, on a slot of the operation's own: who uses that does so under the
/// operation's lock.
template <class Handler>
concept has_operations_slot = requires { typename Handler::slot_of_operation; };

/// A handler and its results, to be called on the handler's executor.
template <class Handler, class... Args>
class bound_completion {
public:
  using allocator_type = allocator_of<Handler>;

  bound_completion(Handler&& handler, std::tuple<Args...>&& args) : handler_(std::move(handler)), args_(std::move(args))
  {
  }

  allocator_type get_allocator() const noexcept { return get_allocator_of(handler_); }

  Handler& handler() noexcept { return handler_; }

  void operator()()
  {
    // An old cancellation handler must not outlive the operation; only here,
    // on the handler's own executor, may the slot be touched.
    if constexpr (!has_operations_slot<Handler>)
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
class handler_completion final : public Base, private loop_task, private step_end::call {
public:
  /// Allocates with the handler's allocator.
  ///
  /// \param loop  That of the executor's context.
  static handler_completion* make(Handler&& handler, const Executor& executor, const event_queue& loop)
  {
    allocator alloc(get_allocator_of(handler));
    memory place(alloc);
    return place.release(::new (place.get()) handler_completion(std::move(handler), executor, loop));
  }
  static handler_completion* make(Handler&& handler, const Executor& executor)
  {
    return make(std::move(handler), executor, event_queue(asio::query(executor, asio::execution::context)));
  }

  /// The handler's allocator; while this object lives.
  allocator_of<Handler> get_allocator() const noexcept { return get_allocator_of(handler_); }

  /// An operation has memory by this allocator. The handler is not called before that is
  /// given back, by memory_released(): with its handler, a caller may let the memory go.
  void attach() noexcept { attached_ = true; }
  void memory_released() noexcept
  {
    attached_ = false;
    if (results_)
      was_released();
    else if (abandoned_)
      abandon();
  }

  void complete(Args... args) noexcept override
  {
    results_.emplace(std::move(args)...);
    if (!attached_)
      loop_.post_held(*this);
  }

  void complete_at(step_end& end, Args... args) noexcept override
  {
    results_.emplace(std::move(args)...);
    at_step_end_ = true;
    both_awaited_ = attached_;
    end.add(*this);
  }

  void abandon() noexcept override
  {
    abandoned_ = true;
    if (attached_)
      return;
    loop_.release();
    allocator alloc(get_allocator_of(handler_));
    destroy(alloc);
  }

private:
  using allocator = typename std::allocator_traits<allocator_of<Handler>>::template rebind_alloc<handler_completion>;

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

  handler_completion(Handler&& handler, const Executor& executor, const event_queue& loop)
      : loop_task(&handler_completion::run), loop_(loop), work_(handler, executor), handler_(std::move(handler))
  {
    loop_.hold();
  }
  ~handler_completion() = default;

  // Frees the memory before the handler runs, so that the handler can have it.
  void destroy(allocator& alloc) noexcept
  {
    const memory place(alloc, this);
    this->~handler_completion();
  }

  /// The handler and its results. The object is freed, also when the handler throws as it is
  /// moved.
  bound_completion<Handler, Args...> taken_out(allocator& alloc)
  {
    struct freed {
      handler_completion& self;
      allocator& alloc;
      ~freed() { self.destroy(alloc); }
    };
    const freed afterwards{*this, alloc};
    return bound_completion<Handler, Args...>(std::move(handler_), std::move(*results_));
  }

  // The end of the step and that of the operation come in either order, from two threads
  // at times; who comes last has the object. It is posted when the operation is last:
  // that is no place to call anybody from.
  void was_released() noexcept
  {
    if (!at_step_end_ || !both_awaited_.exchange(false))
      loop_.post_held(*this);
  }
  void step_is_over() override
  {
    if (both_awaited_.exchange(false))
      return;
    const released_loop when_called(loop_);
    run(*this, false);
  }

  class released_loop {
  public:
    explicit released_loop(const event_queue& loop) noexcept : loop_(loop) {}
    released_loop(const released_loop&) = delete;
    released_loop& operator=(const released_loop&) = delete;
    ~released_loop() { loop_.release(); }

  private:
    event_queue loop_;
  };

  static void run(loop_task& task, bool is_over)
  {
    auto& self = static_cast<handler_completion&>(task);
    allocator alloc(get_allocator_of(self.handler_));
    handler_work<Handler, Executor> work(std::move(self.work_));
    auto function = self.taken_out(alloc);
    if (!is_over)
      work.complete(function, function.handler());
  }

  event_queue loop_;
  handler_work<Handler, Executor> work_; // Made while the handler is still whole.
  Handler handler_;
  std::optional<std::tuple<Args...>> results_;
  std::atomic<bool> both_awaited_ = false; // The step's end and the memory.
  bool at_step_end_ = false;
  bool attached_ = false;
  bool abandoned_ = false;
};

} // namespace subprocess::detail
