#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/cancellation_type.hpp>

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>

// Whoever starts an operation: what it has of them, whatever type their handler is of.
namespace subprocess::detail {

class operation;

/// The executors of whoever starts an operation.
struct callers_executors {
  asio::any_io_executor io;    ///< Of the child, or the one that was passed.
  asio::any_io_executor steps; ///< Of the handler: what guards the caller's objects.
};

/// Memory by the handler's allocator. It lives as long as what was taken.
class handler_memory {
public:
  virtual void* take(std::size_t bytes) = 0;
  virtual void give_back(void* place, std::size_t bytes) noexcept = 0;

  /// An operation has its own memory here. Its handler is not called before that is given
  /// back: with its handler, a caller may let the memory go.
  virtual void* take_for_operation(std::size_t bytes) = 0;
  virtual void give_back_operation(void* place, std::size_t bytes) noexcept = 0;

protected:
  ~handler_memory() = default;
};

/// The way from a cancellation slot to its operation, which may be gone. No weak_ptr: that
/// would keep the operation's memory, which goes back before the handler is called.
class cancel_link {
public:
  void lead_to(operation* running) noexcept
  {
    const std::lock_guard lock(mutex_);
    running_ = running;
  }

  /// Asks the operation to stop, from whatever thread.
  void cancel(asio::cancellation_type type);

private:
  /// Null once it ends.
  std::shared_ptr<operation> follow() noexcept;

  std::mutex mutex_;
  operation* running_ = nullptr;
};

struct caller {
  callers_executors executors;
  handler_memory& memory;
  std::shared_ptr<cancel_link> link; // Null where nobody can cancel.
};

/// Its first step.
void begin_operation(operation& made);

} // namespace subprocess::detail
