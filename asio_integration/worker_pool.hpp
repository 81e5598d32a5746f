#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/async_result.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <system_error>
#include <utility>

#include <asio_integration/detail/pool/pool_core.hpp>
#include <asio_integration/event_loop.hpp>
#include <asio_integration/pool_event.hpp>
#include <asio_integration/worker_lease.hpp>
#include <asio_integration/worker_pool_options.hpp>
#include <subprocess/command.hpp>
#include <subprocess/error.hpp>

namespace subprocess {

/// So many workers of one command, kept running, and leased to one user at a time.
///
///     worker_pool pool(io, command("python3", {"model.py"}), {.size = 4});
///     co_await (pool.async_run(use_awaitable) || serve(pool));
///
/// The pool lives while async_run() runs. The rest may be called before that: it waits.
///
/// Of the command, an unset stdin and an unset stdout are pipes, and an unset stderr is
/// inherited; a stderr that is a pipe is read by the pool, and its lines are events. An
/// idle worker that writes to a piped stdout is recycled. Workers end with the program,
/// where the system knows how (command::die_with_program()), and are always killed
/// when the context ends. What the command borrows, such as the descriptors of
/// listen_fds(), has to stay open while the pool runs.
///
/// Destroyed while it runs, the pool is told to end as by one cancellation of
/// async_run(); before it ever ran, whoever waits gets `operation_aborted`.
///
/// Thread safety: all but construction, assignment and destruction is safe from any
/// thread.
/// \source Erlang/OTP's supervisors; nginx's and systemd's way to treat workers.
template <class Executor = asio::any_io_executor>
class basic_worker_pool {
public:
  using executor_type = Executor;

  /// The same with another executor; for `use_awaitable_t<>::as_default_on_t`.
  template <class Other>
  struct rebind_executor {
    using other = basic_worker_pool<Other>;
  };

  /// Starts nothing yet.
  ///
  /// \param executor  Where operations complete, and that of the workers.
  explicit basic_worker_pool(const Executor& executor, command worker, worker_pool_options options = {})
      : executor_(executor), core_(detail::pool_core::make(executor, std::move(worker), std::move(options)))
  {
  }

  template <execution_context_like Context>
    requires std::constructible_from<Executor, typename Context::executor_type>
  explicit basic_worker_pool(Context& context, command worker, worker_pool_options options = {})
      : basic_worker_pool(Executor(context.get_executor()), std::move(worker), std::move(options))
  {
  }

  template <std::same_as<event_loop> Loop>
    requires std::same_as<Executor, asio::any_io_executor>
  explicit basic_worker_pool(const Loop& loop, command worker, worker_pool_options options = {})
      : basic_worker_pool(loop.get_executor(), std::move(worker), std::move(options))
  {
  }

  basic_worker_pool(const basic_worker_pool&) = delete;
  basic_worker_pool& operator=(const basic_worker_pool&) = delete;
  ~basic_worker_pool() { core_->close(); }

  /// Where operations complete.
  executor_type get_executor() const { return executor_; }

  /// Starts the workers, and supervises them until the pool ends. Once.
  ///
  /// Completion signature: `void(std::error_code)`. All workers are reaped by then, but
  /// for those that may not be signalled (EPERM), which are reaped in the background.
  ///
  /// Errors:
  /// - none: by restart_when no worker is left to be started.
  /// - of the spawn (`ENOENT`, `EACCES`, …): the first workers could not be started, or
  ///   later starts failed too often; last_failure() tells more.
  /// - `ETIMEDOUT`: a worker was not ready in time before any ever was; or such deaths
  ///   were too many.
  /// - `ENOTRECOVERABLE`: more deaths than `most_deaths` in `within`; an exit code that
  ///   is a permanent failure; or the first workers died before they were ready.
  /// - `operation_aborted`: cancelled.
  /// - `EALREADY`: it runs or has run.
  /// - `ENOTSUP`: readiness::notify() or a watchdog, which need Linux. `EMFILE`: there is
  ///   no descriptor for their socket.
  /// - `ENOMEM`: the pool could not go on; its workers were killed.
  ///
  /// Cancellation: terminal, partial and total alike. First: no new leases, idle workers
  /// are stopped by the command's stop sequence, those leased are waited for. Asked
  /// again, those are stopped too. A third time: SIGKILL for all.
  ///
  /// The handler is never invoked from within this call.
  template <asio::completion_token_for<void(std::error_code)> Token = asio::default_completion_token_t<executor_type>>
  auto async_run(Token&& token = asio::default_completion_token_t<executor_type>())
  {
    return wait<std::error_code>(token, detail::pool_core::wish::run,
                                 [](detail::pool_core& core, auto& added) { core.run(added); });
  }

  /// Waits for a worker of one's own, in order of asking.
  ///
  /// Completion signature: `void(std::error_code, worker_lease)`. With an error set, the
  /// lease is empty.
  ///
  /// Errors: `EAGAIN` at once when `most_waiting` wait already; `operation_aborted` after
  /// cancellation, or when the pool ends by that; the error of async_run() when it gives up.
  ///
  /// Cancellation: terminal, partial and total, while it waits. Those behind move up.
  ///
  /// The handler is never invoked from within this call.
  template <asio::completion_token_for<void(std::error_code, worker_lease)> Token =
                asio::default_completion_token_t<executor_type>>
  auto async_acquire(Token&& token = asio::default_completion_token_t<executor_type>())
  {
    return wait<std::error_code, worker_lease>(token, detail::pool_core::wish::lease,
                                               [](detail::pool_core& core, auto& added) { core.acquire(added); });
  }

  /// Waits until so many workers are ready, leased ones among them.
  ///
  /// Completion signature: `void(std::error_code)`.
  ///
  /// Errors and cancellation: as of async_acquire(), without `EAGAIN`.
  template <asio::completion_token_for<void(std::error_code)> Token = asio::default_completion_token_t<executor_type>>
  auto async_wait_ready(std::size_t workers, Token&& token = asio::default_completion_token_t<executor_type>())
  {
    return wait<std::error_code>(token, detail::pool_core::wish::ready,
                                 [workers](detail::pool_core& core, auto& added) { core.wait_ready(added, workers); });
  }

  /// Puts workers of another command in place of all, slot by slot: a new one is ready
  /// before the old one is stopped, after its lease. Several are done one after the other.
  ///
  /// Completion signature: `void(std::error_code)`.
  ///
  /// Errors: of the spawn; `ETIMEDOUT` when a new worker was not ready in time;
  /// `ENOTRECOVERABLE` when it died before it was. Then the old command stays, or comes
  /// back in the slots that were done. `operation_aborted` after cancellation, which does
  /// the same; what ends the pool ends this.
  ///
  /// Cancellation: terminal, partial and total.
  template <asio::completion_token_for<void(std::error_code)> Token = asio::default_completion_token_t<executor_type>>
  auto async_replace(command next, Token&& token = asio::default_completion_token_t<executor_type>())
  {
    return wait<std::error_code>(token, detail::pool_core::wish::replacement,
                                 [next = std::move(next)](detail::pool_core& core, auto& added) mutable {
                                   core.replace(added, std::move(next));
                                 });
  }

  /// Gives what has happened, in order; each event to one who asks. The pool keeps the
  /// last 1024 for those who do not.
  ///
  /// Completion signature: `void(std::error_code, pool_event)`.
  ///
  /// Errors: `asio::error::eof` when the pool has ended and all was told;
  /// `operation_aborted` after cancellation.
  ///
  /// Cancellation: terminal, partial and total. No event is lost.
  template <asio::completion_token_for<void(std::error_code, pool_event)> Token =
                asio::default_completion_token_t<executor_type>>
  auto async_next_event(Token&& token = asio::default_completion_token_t<executor_type>())
  {
    return wait<std::error_code, pool_event>(token, detail::pool_core::wish::event,
                                             [](detail::pool_core& core, auto& added) { core.next_event(added); });
  }

  /// Lets the pool have so many workers. More are started at once; of too many, those of
  /// the highest slots go, after their lease.
  void resize(std::size_t size) { core_->resize(size); }

  /// How it stands at this moment.
  pool_counts counts() const { return core_->counts(); }

  /// Why the last worker that could not be started was not; empty when all could.
  spawn_failure last_failure() const { return core_->last_failure(); }

  /// How many events nobody took in time.
  std::uint64_t events_dropped() const { return core_->events_dropped(); }

private:
  template <class... Results, class Token, class Start>
  auto wait(Token& token, detail::pool_core::wish what, Start start)
  {
    return asio::async_initiate<Token, void(Results...)>(
        detail::pool_initiation<Results...>(asio::any_io_executor(executor_)), token, core_, what, std::move(start));
  }

  executor_type executor_;
  std::shared_ptr<detail::pool_core> core_;
};

/// A pool on any executor.
using worker_pool = basic_worker_pool<>;

} // namespace subprocess
