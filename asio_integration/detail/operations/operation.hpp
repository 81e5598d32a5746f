#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/cancellation_type.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <new>
#include <utility>

#include <asio_integration/detail/asio_internals.hpp>
#include <asio_integration/detail/operations/caller.hpp>
#include <asio_integration/detail/operations/step_end.hpp>
#include <subprocess/detail/observation/tell_afterwards.hpp>

namespace subprocess::detail {

/// An operation of several steps. It keeps itself alive by what it waits for, until
/// it has completed.
///
/// One step at a time: each holds the operation's lock. No step waits for anything, so
/// the lock is held for microseconds, on whatever thread of the loop the step comes; a
/// strand would need memory for every turn, and loses the turn when there is none.
class operation : public std::enable_shared_from_this<operation> {
public:
  operation(const operation&) = delete;
  operation& operator=(const operation&) = delete;
  virtual ~operation() = default;

  void start()
  {
    take_step([this] { begin(); });
  }

  /// Safe from any thread.
  void cancel(asio::cancellation_type type)
  {
    take_step([this, type] { cancelled(type); });
  }

  /// Runs one step. A lack of memory in it ends the operation, in its own way.
  template <class Step>
  void take_step(Step step)
  {
    const tell_afterwards after_the_lock;
    const std::lock_guard lock(mutex_);
    try {
      step();
    } catch (const std::bad_alloc&) {
      out_of_memory();
    }
  }

  /// Memory for what the operation starts; the handler's allocator behind it.
  std::pmr::memory_resource* memory() const noexcept { return memory_; }
  void use_memory(std::pmr::memory_resource* memory) noexcept { memory_ = memory; }

protected:
  operation() = default;

  // Each of these is called under the lock.

  virtual void begin() = 0;
  virtual void cancelled(asio::cancellation_type type) = 0;

  /// Some step had no memory. The operation has to complete with ENOMEM, as soon as
  /// nothing is left behind; that needs none.
  virtual void out_of_memory() noexcept = 0;

  template <class Self>
  std::shared_ptr<Self> self(Self* derived)
  {
    return {shared_from_this(), derived};
  }

private:
  std::mutex mutex_;
  std::pmr::memory_resource* memory_ = std::pmr::new_delete_resource();
};

/// A handler for Asio that is a step of an operation, on the library's own loop_executor.
template <class Operation, class Step>
class step_handler {
public:
  using allocator_type = std::pmr::polymorphic_allocator<std::byte>;

  step_handler(std::shared_ptr<Operation> running, Step step)
      : memory_(running->memory()), operation_(std::move(running)), step_(std::move(step))
  {
  }

  allocator_type get_allocator() const noexcept { return memory_; }

  template <class... Args>
  void operator()(Args... args)
  {
    operation_->take_step([&] { step_(*operation_, args...); });
  }

protected:
  std::pmr::memory_resource* memory_; // Asio asks for it when the handler was moved from, too.
  std::shared_ptr<Operation> operation_;
  Step step_;
};

template <class Operation, class Step>
step_handler<Operation, Step> step_of(std::shared_ptr<Operation> running, Step step)
{
  return {std::move(running), std::move(step)};
}

/// Not a step, but what calls the caller's own code: without the lock. It takes its steps
/// itself.
template <class Handler>
class without_lock : public Handler {
public:
  explicit without_lock(Handler handler) : Handler(std::move(handler)) {}

  template <class... Args>
  void operator()(Args... args)
  {
    this->step_(*this->operation_, args...);
  }
};

/// A step that is told of its own end, where it can have the caller's handler called.
template <class Handler>
class with_end : public Handler {
public:
  explicit with_end(Handler handler) : Handler(std::move(handler)) {}

  template <class... Args>
  void operator()(Args... args)
  {
    step_end end;
    {
      const auto running = std::move(this->operation_);
      running->take_step([&] { this->step_(*running, end, args...); });
    }
    end.reached();
  }
};

/// A step on objects of the caller's: it runs where the caller's handler does, which
/// may be a strand that guards them, and is cancelled for itself alone.
template <class Operation, class Step>
class callers_step_handler : public step_handler<Operation, Step> {
public:
  using executor_type = asio::any_io_executor;
  using cancellation_slot_type = asio::cancellation_slot;
  using slot_of_operation = void; // Is not touched between two steps: see has_operations_slot.

  callers_step_handler(std::shared_ptr<Operation> running, const asio::any_io_executor& executor,
                       asio::cancellation_slot slot, Step step)
      : step_handler<Operation, Step>(std::move(running), std::move(step)), executor_(executor), slot_(slot)
  {
  }

  const executor_type& get_executor() const noexcept { return executor_; }
  cancellation_slot_type get_cancellation_slot() const noexcept { return slot_; }

private:
  asio::any_io_executor executor_;
  asio::cancellation_slot slot_;
};

template <class Operation, class Step>
callers_step_handler<Operation, Step> callers_step_of(std::shared_ptr<Operation> running,
                                                      const asio::any_io_executor& executor,
                                                      asio::cancellation_signal& cancel, Step step)
{
  return {std::move(running), executor, cancel.slot(), std::move(step)};
}

} // namespace subprocess::detail
