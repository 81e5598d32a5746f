#pragma once

// Asio 1.36 says std::terminate() without it, which libc++ 23 takes literally.
#include <exception>

// The scheduler first: the newest Asio's reactor does not compile before it.
#include <asio/detail/scheduler.hpp>

#include <asio/detail/concurrency_hint.hpp>
#include <asio/detail/handler_work.hpp>
#include <asio/detail/reactor.hpp>
#include <asio/detail/scheduler_operation.hpp>
#include <asio/detail/signal_set_service.hpp>
#include <asio/basic_waitable_timer.hpp>
#include <asio/execution.hpp>
#include <asio/execution_context.hpp>
#include <asio/version.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

// All that this library uses of Asio's undocumented parts is in this file, each with
// its reason. It is the same from Asio 1.22.1 to the newest.
namespace subprocess::detail {

/// Asio's types are shared by the program and this library, and look otherwise in other
/// versions and with other switches of Asio. A program that was compiled with another one
/// than the library is not linked: of this, the library defines its own alone, and every
/// file that includes this refers to the one it was compiled with.
template <unsigned version, unsigned switches>
struct library_was_built_with_asio {
  static const char and_no_other;
};

enum : unsigned {
  asio_switches = 0
#if defined(ASIO_HAS_EPOLL)
                  | 1u
#endif
#if defined(ASIO_HAS_EVENTFD)
                  | 2u
#endif
#if defined(ASIO_HAS_TIMERFD)
                  | 4u
#endif
#if defined(ASIO_HAS_THREADS)
                  | 8u
#endif
#if defined(ASIO_HAS_IO_URING)
                  | 16u
#endif
#if defined(ASIO_HAS_IO_URING_AS_DEFAULT)
                  | 32u
#endif
#if defined(ASIO_ENABLE_HANDLER_TRACKING)
                  | 64u
#endif
#if defined(ASIO_USE_TS_EXECUTOR_AS_DEFAULT)
                  | 128u
#endif
};

[[gnu::used]] static const char* const asio_of_this_file =
    &library_was_built_with_asio<ASIO_VERSION, asio_switches>::and_no_other;

/// What can stand in an event loop's own queue. To put it there takes no memory and
/// cannot fail: what has to be told is told also when memory is short. Asio's public
/// post() makes a copy of what it is given.
class loop_task : public asio::detail::scheduler_operation {
protected:
  /// Called once. `is_over`: the loop has ended, and nothing may run any more.
  using function = void (*)(loop_task& task, bool is_over);

  explicit loop_task(function called) noexcept : scheduler_operation(&loop_task::complete), called_(called) {}
  ~loop_task() = default;

private:
  static void complete(void* owner, asio::detail::scheduler_operation* base, const asio::error_code&, std::size_t)
  {
    auto& task = static_cast<loop_task&>(*base);
    task.called_(task, owner == nullptr);
  }

  const function called_;
};

/// The event loop of an execution context, whoever's executor led to it.
class event_queue {
public:
  explicit event_queue(asio::execution_context& context)
      : scheduler_(&asio::use_service<asio::detail::scheduler>(context))
  {
  }

  /// Keeps run() from returning until release() is called as often.
  ///
  /// A child that nobody waits for must not hold run(), and yet must be noticed when
  /// it ends while the loop runs for other reasons. Asio counts every wait of an I/O
  /// object, and its public interface cannot say "but not this one". So after such a
  /// wait was started it is released, and held again first thing in its handler. Only
  /// where something else is held may that be: inside a handler, or while somebody
  /// waits. The last release ends run().
  void hold() noexcept { scheduler_->work_started(); }
  void release() noexcept { scheduler_->work_finished(); }

  /// Runs the task on the loop, never from within this call.
  void post(loop_task& task) noexcept { scheduler_->post_immediate_completion(&task, false); }

  /// As post(), for a task that hold() was called for. It is released when it has run.
  void post_held(loop_task& task) noexcept { scheduler_->post_deferred_completion(&task); }

  /// Whether this thread runs the loop now.
  bool runs_here() const { return scheduler_->can_dispatch(); }

  /// Whether other threads may touch the context: not when it was made with
  /// ASIO_CONCURRENCY_HINT_UNSAFE.
  static bool is_thread_safe(asio::execution_context& context);

  friend bool operator==(const event_queue&, const event_queue&) noexcept = default;

private:
  asio::detail::scheduler* scheduler_;
};

/// The executor of the library's own I/O objects: the context's loop itself, not the
/// executor of somebody who happened to come first, nor a strand that somebody holds.
/// It counts no work and keeps nothing alive; and what completes on the loop runs there
/// at once, without memory for another turn.
class loop_executor {
public:
  explicit loop_executor(asio::execution_context& context) : context_(&context), queue_(context) {}

  asio::execution_context& query(asio::execution::context_t) const noexcept { return *context_; }
  asio::execution::blocking_t query(asio::execution::blocking_t) const noexcept
  {
    return may_run_here_ ? asio::execution::blocking_t(asio::execution::blocking.possibly)
                         : asio::execution::blocking_t(asio::execution::blocking.never);
  }

  /// For what completes within the call that starts it; the newest Asio asks for one.
  loop_executor require(asio::execution::blocking_t::never_t) const noexcept
  {
    loop_executor later(*this);
    later.may_run_here_ = false;
    return later;
  }

  template <class Function>
  void execute(Function&& executed) const
  {
    if (may_run_here_ && queue_.runs_here()) {
      std::decay_t<Function> here(std::forward<Function>(executed));
      here();
    } else
      boxed<std::decay_t<Function>>::post(queue_, std::forward<Function>(executed));
  }

  asio::execution_context& context() const noexcept { return *context_; }

  friend bool operator==(const loop_executor& a, const loop_executor& b) noexcept
  {
    return a.context_ == b.context_ && a.may_run_here_ == b.may_run_here_;
  }
  friend bool operator!=(const loop_executor& a, const loop_executor& b) noexcept { return !(a == b); }

private:
  template <class Function>
  class boxed final : private loop_task {
  public:
    template <class Source>
    static void post(event_queue queue, Source&& source)
    {
      queue.post(*new boxed(std::forward<Source>(source)));
    }

  private:
    template <class Source>
    explicit boxed(Source&& source) : loop_task(&boxed::run), function_(std::forward<Source>(source))
    {
    }

    static void run(loop_task& task, bool is_over)
    {
      const std::unique_ptr<boxed> self(&static_cast<boxed&>(task));
      Function called(std::move(self->function_));
      if (!is_over)
        called();
    }

    Function function_;
  };

  asio::execution_context* context_;
  event_queue queue_;
  bool may_run_here_ = true;
};

using loop_timer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, loop_executor>;

/// How Asio itself counts the work of a handler that waits, and takes it to its
/// executor: at once where that is the loop which it completes on.
template <class Handler, class Executor>
using handler_work = asio::detail::handler_work<Handler, Executor>;

/// Makes Asio's service of signals before a service that uses it, so that it ends
/// later: its handler must not be left when the pipe that it writes to goes.
inline void make_signal_service(asio::execution_context& context)
{
  asio::use_service<asio::detail::signal_set_service>(context);
}

/// Has Asio open the descriptors of a context's reactor now. It does so when the first I/O
/// object or timer is made, whoever makes it.
inline void make_reactor(asio::execution_context& context)
{
  asio::use_service<asio::detail::reactor>(context);
}

/// Ends the reactor of a context that goes, before Asio's other services.
///
/// For a fork of the program, which shares Asio's epoll set with it: a reactor
/// that still works takes what is closed out of the set, the pipe for signals
/// too, and the program would hear of no signal any more.
inline void end_reactor(asio::execution_context& context)
{
  if (asio::has_service<asio::detail::reactor>(context))
    asio::use_service<asio::detail::reactor>(context).shutdown();
}

} // namespace subprocess::detail
