#pragma once

#include <asio/detail/scheduler.hpp>
#include <asio/execution_context.hpp>

namespace subprocess::detail {

/// Takes an asynchronous wait of our own out of the count that keeps run() busy.
///
/// A child that nobody waits for must not hold run(), and yet must be noticed
/// when it ends while the loop runs for other reasons. Asio counts every wait of
/// an I/O object, and its public interface cannot say "but not this one"; its
/// scheduler can. Only where some other work is counted may the count be taken
/// down: inside a handler, or while a waiter holds its own. Otherwise it would
/// pass zero, which stops the context.
class idle_work {
public:
  explicit idle_work(asio::execution_context& context) : scheduler_(asio::use_service<asio::detail::scheduler>(context))
  {
  }

  /// After the wait was started.
  void exclude() noexcept { scheduler_.work_finished(); }

  /// First thing in the wait's handler, which is counted down after it.
  void include() noexcept { scheduler_.work_started(); }

private:
  asio::detail::scheduler& scheduler_;
};

} // namespace subprocess::detail
