#pragma once

#include <asio/any_io_executor.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>

#include <asio_integration/detail/asio_internals.hpp>
#include <asio_integration/detail/reaper/reap_table.hpp>
#include <asio_integration/detail/reaper/wake_source.hpp>
#include <asio_integration/reaper.hpp>

namespace subprocess::detail {

/// How waiting for a child ended.
struct wait_end {
  std::error_code error;
  exit_status status;
};

/// The reaper of one execution context: children that this library started in
/// it are watched, reaped when they end, and those who wait are told.
///
/// Once a child has its place, nothing here takes memory or throws. Waiters are
/// completed outside of the lock.
///
/// Thread safety: safe.
class reaper_core final : private reaping {
public:
  /// The reaper of the context; made by the first call.
  static std::shared_ptr<reaper_core> of(asio::execution_context& context, std::error_code& ec);
  static std::shared_ptr<reaper_core> of(const asio::any_io_executor& executor, std::error_code& ec);

  reaper_core(const loop_executor& executor, std::unique_ptr<wake_source> source);

  /// Starts to listen. Once, after construction.
  void start() noexcept;

  reaper_source kind() const noexcept { return kind_; }

  /// Where the reaper listens; nobody's strand.
  const loop_executor& executor() const noexcept { return executor_; }

  /// From now on the child is reaped as soon as it ends.
  void track(reap_table::place room, const std::shared_ptr<process>& child) noexcept;

  /// Has the waiter completed when the child ends. Empty then; for a child that has
  /// ended it is how, and the waiter stays the caller's.
  std::optional<wait_end> wait(process& child, waiter& added) noexcept;

  /// Takes out a waiter, which is the caller's then; null when it was completed.
  waiter* remove(const process& child, std::uint64_t waiter_id) noexcept;

  /// Keeps the loop until a child is reaped that is dying.
  void hold_until_reaped(const process& child) noexcept;

  /// The program is about to fork.
  void before_fork();

  /// In a fork of the program that goes on with the context: the children are the
  /// parent's, and the copy gets a source of its own.
  void forked(std::unique_ptr<wake_source> source) noexcept;

  /// Drops the waiters uncalled; the children become orphans.
  void shut_down() noexcept;

  /// Whether operations may still be started: not once the context shuts down.
  bool is_open() noexcept;

private:
  class task final : public loop_task {
  public:
    using function = void (reaper_core::*)();
    task(reaper_core& core, function run) noexcept : loop_task(&task::called), core_(core), run_(run) {}

  private:
    static void called(loop_task& base, bool is_over);
    reaper_core& core_;
    const function run_;
  };

  bool look(pid_t pid) noexcept override;
  void look_at_all() noexcept override;
  void look_at_unwatched() noexcept override;
  void woken() override;

  bool reap(std::unique_lock<std::mutex>& lock, reap_table::entry& entry) noexcept;
  bool finish(std::unique_lock<std::mutex>& lock, reap_table::entry& entry, process::state state) noexcept;
  void unwatch(reap_table::entry& entry) noexcept;
  void begin();
  void look_around() noexcept;
  void arm() noexcept;
  void tick_for(const reap_table::entry& entry) noexcept;
  void start_tick() noexcept;
  void tick_sooner() noexcept;
  void tick(std::error_code cut_short);
  void tell_robbed();
  void look_soon();

  std::mutex mutex_;
  const loop_executor executor_;
  event_queue loop_;
  const reaper_source kind_;
  wait_memory wake_memory_;
  wait_memory tick_memory_;
  task begin_;
  task again_;
  task look_soon_;
  task tell_robbed_;
  std::unique_ptr<wake_source> source_; // None once shut down.
  std::optional<loop_timer> timer_;     // None once shut down.
  std::chrono::milliseconds tick_;      // How long the next one takes.
  bool armed_ = true;                   // The source is waited for, or will be.
  bool ticking_ = false;
  bool looks_soon_ = false;
  reap_table table_;
  waiter_list robbed_; // Of children that are gone, to be told.
};

} // namespace subprocess::detail
