#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <system_error>

#include <asio_integration/async_child.hpp>
#include <asio_integration/detail/operations/completion.hpp>
#include <subprocess/command.hpp>
#include <subprocess/detail/launch/launch_plan.hpp>
#include <subprocess/detail/launch/launcher.hpp>
#include <subprocess/detail/process/own_pid.hpp>
#include <subprocess/detail/launch/owned_launch.hpp>

namespace subprocess::detail {

/// For whoever starts children by a spawn_operation.
struct spawn_options {
  spawn_failure* failure = nullptr; // Where the caller wants to read it.

  /// Given, the child may be handed over before it is a program, which saves two
  /// turns of the loop; the launch is left here then. When the child has ended,
  /// its `shared.failure` tells whether it ever was one.
  launch_pointer* early = nullptr;
};

/// One async_spawn: prepare, make the child, wait until it is a program, hand it
/// over. What could hold the loop happens beside it: in a child that shares our
/// memory, or on a launcher thread.
class spawn_operation : public std::enable_shared_from_this<spawn_operation> {
public:
  using done_type = completion_owner<std::error_code, async_child>;

  spawn_operation(const asio::any_io_executor& executor, done_type done, command what, const stream_defaults& defaults,
                  spawn_options options = {});
  ~spawn_operation();

  void start();
  void cancel(asio::cancellation_type);

private:
  void launch_beside();
  int launch_with_outcome(std::unique_lock<std::mutex> alone);
  void launch_on_thread();
  void launch_here();
  void launched();
  void wait_for_outcome();
  void read_outcome();
  void settle();
  void reap_failed();
  void finish(async_child child = {});
  void leave_queue();
  asio::execution_context& context() const;
  bool is_cancelled();

  const pid_t owner_ = own_pid();
  asio::any_io_executor executor_;
  done_type done_;
  spawn_failure failure_;
  const spawn_options options_;
  launch_pointer launch_;
  std::shared_ptr<reaper_core> reaper_;
  launcher used_ = launcher::fork;
  bool early_ = false;     // Is handed over without its outcome.
  bool launching_ = false; // Stands in the launch queue, or has room.
  started_child child_;
  std::optional<asio::posix::basic_stream_descriptor<asio::any_io_executor>> outcome_;
  outcome_reader reader_;
  std::mutex mutex_; // Guards the two below: a cancellation may come from anywhere.
  bool cancelled_ = false;
  std::shared_ptr<process> running_;
};

} // namespace subprocess::detail
