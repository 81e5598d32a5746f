#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/steady_timer.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <system_error>

#include <asio_integration/detail/reaper/idle_work.hpp>
#include <asio_integration/detail/reaper/reap_table.hpp>
#include <asio_integration/detail/reaper/wake_source.hpp>
#include <asio_integration/reaper.hpp>

namespace subprocess::detail {

/// The reaper of one execution context: children that this library started in
/// it are watched, reaped when they end, and those who wait are told.
///
/// Thread safety: safe.
class reaper_core final : private reaping {
public:
  /// The reaper of the executor's context; made by the first call.
  static std::shared_ptr<reaper_core> of(const asio::any_io_executor& executor, std::error_code& ec);

  reaper_core(const asio::any_io_executor& executor, std::unique_ptr<wake_source> source);

  /// Starts to listen. Once, after construction.
  void start(const asio::any_io_executor& executor);

  reaper_source kind() const noexcept { return kind_; }

  /// Where the reaper listens; nobody's strand.
  const asio::any_io_executor& executor() const noexcept { return executor_; }

  /// From now on the child is reaped as soon as it ends.
  void track(const std::shared_ptr<process>& child);

  /// Completes the waiter when the child has ended; at once if it has.
  void wait(process& child, waiter& added);

  /// Completes one waiter with `operation_aborted`, if it still waits.
  void cancel(const process& child, std::uint64_t waiter_id);

  /// Drops the waiters uncalled; the children become orphans.
  void shut_down() noexcept;

  /// Whether operations may still be started: not once the context shuts down.
  bool is_open();

private:
  bool look(pid_t pid) override;
  void look_at_all() override;

  void unwatch(const reap_table::entry& entry) noexcept;
  void arm();
  void woken();
  void look_around();
  void start_tick();
  void tick();

  std::mutex mutex_;
  const asio::any_io_executor executor_;
  idle_work idle_;
  const reaper_source kind_;
  std::unique_ptr<wake_source> source_;     // None once shut down.
  std::optional<asio::steady_timer> timer_; // None once shut down.
  bool ticking_ = false;
  reap_table table_;
};

} // namespace subprocess::detail
