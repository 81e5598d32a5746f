#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/error.hpp>
#include <asio/posix/basic_stream_descriptor.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>

#include <asio_integration/detail/launch/launch_watch.hpp>
#include <asio_integration/detail/operations/exit_wait.hpp>
#include <asio_integration/detail/operations/operation.hpp>
#include <asio_integration/detail/reaper/reaper_core.hpp>
#include <subprocess/command.hpp>
#include <subprocess/detail/launch/launch.hpp>

namespace subprocess::detail {

/// An operation that launches a child: prepare, make the child, wait until it is a
/// program. What could hold the loop happens beside it: in the child, or on a launcher
/// thread. All that needs memory is made before the child; what fails afterwards ends
/// the child, and the operation when it is reaped.
///
/// A child that nobody takes any more, since the context has ended, goes with its launch.
class launch_operation : public operation, private watched_launch {
protected:
  /// When the child is handed over.
  enum class handover {
    program, ///< When it has become its program.
    early,   ///< When it was made, if that makes no difference; that saves two turns of
             ///< the loop. Whether it ever became its program is known at its end.
  };

  launch_operation(const asio::any_io_executor& executor, command what, const stream_defaults& defaults, handover when);
  ~launch_operation() override;

  // All that follows is called under the lock.

  /// Starts. Ends in launched() or not_launched().
  void launch_child();

  /// Makes what a launch needs of the loop. False: failure() tells why, and
  /// launch_child() will fail with it.
  bool prepare_loop();

  /// Takes note of a verdict that is there, and that the loop has not heard of yet.
  void take_verdict();

  /// Nobody wants it any more: it is killed before it becomes a program.
  void abort_launch() noexcept;

  /// The child is tracked by the reaper, and this operation's.
  virtual void launched(child_parts parts) = 0;

  /// Whether an aborted launch whose child turns out to be a program goes on to launched().
  virtual bool spares_programs() const noexcept { return false; }

  /// What to say of a launch that was aborted.
  virtual std::error_code why_aborted() const noexcept { return asio::error::operation_aborted; }

  /// There is no child, or none any more; failure() tells why.
  virtual void not_launched() noexcept = 0;

  /// The child has ended, and is reaped.
  virtual void exited(std::error_code ec, exit_status status) = 0;

  void out_of_memory() noexcept override;

  /// exited() will be called, from within at once if the child has ended.
  void await_exit();
  bool is_awaiting_exit() const noexcept { return exit_.is_on(); }
  void stop_awaiting_exit() noexcept;

  /// What is left of the launch when the child was launched: ends it.
  void fail_after_launch(spawn_step step, std::error_code ec);

  const asio::any_io_executor& executor() const noexcept { return executor_; }
  asio::execution_context& context() const { return asio::query(executor_, asio::execution::context); }
  const std::shared_ptr<reaper_core>& reaper() const noexcept { return reaper_; }
  const launch& launching() const noexcept { return *launch_; }

  /// Null before there is a child.
  const std::shared_ptr<process>& child() const noexcept { return process_; }

  /// Whether the child is past the point where it could fail; signals reach it then.
  bool is_program();

  /// Once the child has ended: whether all that ran was the launch.
  bool never_became_program(spawn_failure& why) noexcept;

  spawn_failure& failure() noexcept { return failure_; }

private:
  /// What a launcher thread puts into the loop's queue when it is done.
  class arrival final : public loop_task {
  public:
    explicit arrival(launch_operation& operation) noexcept : loop_task(&arrival::run), operation_(operation) {}
    std::shared_ptr<operation> alive;

  private:
    static void run(loop_task& task, bool is_over);
    launch_operation& operation_;
  };

  void start_on_thread();
  void start_here(told_by how, std::unique_lock<launch_gate> gate) noexcept;
  void try_here(told_by how) noexcept;
  void wait_briefly() noexcept;
  void started();
  void watch_outcome();
  void close_outcome() noexcept;
  void outcome_ended();
  void look_again() override;
  void look();
  void settle();
  void adopt();
  void reap_failed() noexcept;
  void failed() noexcept;
  void ended(std::error_code ec, exit_status status);

  const asio::any_io_executor executor_;
  spawn_failure failure_;
  launch_pointer launch_;
  std::shared_ptr<reaper_core> reaper_;
  reap_table::place room_;
  launch_watch* watch_ = nullptr;
  const handover when_;
  told_by how_ = told_by::pipe;
  std::optional<asio::posix::basic_stream_descriptor<loop_executor>> outcome_;
  std::shared_ptr<process> process_;
  exit_wait<launch_operation> exit_;
  arrival arrival_;
  std::atomic<bool> aborted_ = false; // A launcher thread asks too.
  bool settled_ = false;
  bool failing_ = false; // It has failed, and ends when the child is reaped.
};

} // namespace subprocess::detail
