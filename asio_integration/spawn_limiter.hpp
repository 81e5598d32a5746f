#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/async_result.hpp>

#include <cstddef>
#include <memory>
#include <system_error>
#include <utility>

#include <asio_integration/detail/operations/initiate.hpp>
#include <asio_integration/detail/operations/made_operations.hpp>
#include <asio_integration/detail/operations/permit_pool.hpp>
#include <asio_integration/event_loop.hpp>
#include <asio_integration/spawn_permit.hpp>
#include <subprocess/capture.hpp>
#include <subprocess/command.hpp>
#include <subprocess/run_options.hpp>

namespace subprocess {

/// Lets no more than so many children run at a time. Whoever wants one more waits
/// for a permit; permits are given in the order they were asked for.
///
/// Destroyed, it completes whoever still waits with `operation_aborted`; permits
/// that are out stay good.
///
/// Thread safety: all but construction and destruction is safe from any thread.
/// \source The counting semaphore: Dijkstra, "Over seinpalen".
class spawn_limiter {
public:
  using executor_type = asio::any_io_executor;

  /// \param loop  Where operations complete.
  /// \param most  How many at a time; 0 counts as 1, or nothing would ever run.
  spawn_limiter(event_loop loop, std::size_t most);

  spawn_limiter(const spawn_limiter&) = delete;
  spawn_limiter& operator=(const spawn_limiter&) = delete;
  ~spawn_limiter();

  /// Where operations complete.
  executor_type get_executor() const { return executor_; }

  /// How many may be out at a time.
  std::size_t most() const noexcept { return pool_->most(); }

  /// How many permits are out.
  std::size_t in_flight() const { return pool_->in_flight(); }

  /// Waits for a permit. Hold it for as long as the child runs.
  ///
  /// Completion signature: `void(std::error_code, spawn_permit)`. With an error
  /// set, the permit is empty.
  ///
  /// Errors: `operation_aborted` after cancellation, or when the limiter is
  /// destroyed.
  ///
  /// Cancellation: terminal, partial and total, while it waits. Those behind move
  /// up.
  ///
  /// The handler is never invoked from within this call.
  template <asio::completion_token_for<void(std::error_code, spawn_permit)> Token =
                asio::default_completion_token_t<executor_type>>
  auto async_acquire(Token&& token = asio::default_completion_token_t<executor_type>())
  {
    const auto start = [](auto handler, const executor_type& executor,
                          const std::shared_ptr<detail::permit_pool>& pool) {
      detail::async_acquire(pool, executor, std::move(handler));
    };
    return asio::async_initiate<Token, void(std::error_code, spawn_permit)>(detail::initiation_by(executor_, start),
                                                                            token, pool_);
  }

  /// As the function async_run(), with a permit from before the spawn until the
  /// child is reaped; it is back when the handler is called.
  ///
  /// \param options  The limit counts from the permit on.
  ///
  /// Completion signature: `void(std::error_code, exit_status)`. With an error set, the
  /// status is unknown.
  ///
  /// Errors: as of async_acquire(), and of the function async_run().
  ///
  /// Cancellation: as of async_acquire(), and then as of the function async_run().
  ///
  /// The handler is never invoked from within this call.
  template <asio::completion_token_for<void(std::error_code, exit_status)> Token =
                asio::default_completion_token_t<executor_type>>
  auto async_run(command what, run_options options, Token&& token = asio::default_completion_token_t<executor_type>())
  {
    return detail::initiate<detail::make_limited_run, std::error_code, exit_status>(executor_, token, pool_,
                                                                                    std::move(what), options);
  }

  template <asio::completion_token_for<void(std::error_code, exit_status)> Token =
                asio::default_completion_token_t<executor_type>>
  auto async_run(command what, Token&& token = asio::default_completion_token_t<executor_type>())
  {
    return async_run(std::move(what), run_options(), std::forward<Token>(token));
  }

  /// As async_run(), for the function async_capture().
  ///
  /// Completion signature: `void(std::error_code, captured_output)`. With an error set, the
  /// output is what was read by then.
  ///
  /// Errors: as of async_acquire(), and of the function async_capture().
  ///
  /// Cancellation: as of async_acquire(), and then as of the function async_capture().
  ///
  /// The handler is never invoked from within this call.
  template <asio::completion_token_for<void(std::error_code, captured_output)> Token =
                asio::default_completion_token_t<executor_type>>
  auto async_capture(command what, capture_options options,
                     Token&& token = asio::default_completion_token_t<executor_type>())
  {
    return detail::initiate<detail::make_limited_capture, std::error_code, captured_output>(
        executor_, token, pool_, std::move(what), std::move(options));
  }

  template <asio::completion_token_for<void(std::error_code, captured_output)> Token =
                asio::default_completion_token_t<executor_type>>
  auto async_capture(command what, Token&& token = asio::default_completion_token_t<executor_type>())
  {
    return async_capture(std::move(what), capture_options(), std::forward<Token>(token));
  }

private:
  executor_type executor_;
  std::shared_ptr<detail::permit_pool> pool_;
};

} // namespace subprocess
