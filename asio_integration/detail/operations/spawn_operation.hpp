#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <system_error>

#include <asio_integration/async_child.hpp>
#include <asio_integration/detail/launch/launch_watch.hpp>
#include <asio_integration/detail/operations/completion.hpp>
#include <subprocess/command.hpp>
#include <subprocess/detail/launch/launch.hpp>

namespace subprocess::detail {

/// For whoever starts children by a spawn_operation.
struct spawn_options {
  spawn_failure* failure = nullptr; // Where the caller wants to read it.

  /// Given, the child may be handed over before it is a program, which saves two
  /// turns of the loop; the launch is left here then. When the child has ended, the
  /// launch tells whether it ever was one.
  launch_pointer* early = nullptr;
};

/// One async_spawn: prepare, make the child, wait until it is a program, hand it
/// over. What could hold the loop happens beside it: in the child, or on a launcher
/// thread. A child that nobody takes any more, since the context has ended, goes with
/// its launch.
class spawn_operation final : public std::enable_shared_from_this<spawn_operation>, private watched_launch {
public:
  using done_type = completion_owner<std::error_code, async_child>;

  spawn_operation(const asio::any_io_executor& executor, done_type done, command what, const stream_defaults& defaults,
                  spawn_options options = {});

  void start();
  void cancel(asio::cancellation_type);

private:
  void start_on_thread();
  void start_here(told_by how, std::unique_lock<launch_gate> gate) noexcept;
  void wait_briefly() noexcept;
  void started();
  void watch_outcome();
  void close_outcome();
  void outcome_ended();
  void look_again() override;
  void look();
  void settle();
  void hand_over();
  void reap_failed();
  void finish(async_child child = {});
  asio::execution_context& context() const;
  bool is_cancelled();

  asio::any_io_executor executor_;
  done_type done_;
  spawn_failure failure_;
  const spawn_options options_;
  std::shared_ptr<reaper_core> reaper_;
  launch_watch* watch_ = nullptr;
  told_by how_ = told_by::pipe;
  std::optional<asio::posix::basic_stream_descriptor<asio::any_io_executor>> outcome_;

  std::mutex mutex_; // Guards what follows: looks and a cancellation come from anywhere.
  launch_pointer launch_;
  bool cancelled_ = false;
  bool settled_ = false;
  std::shared_ptr<process> running_; // Within reach of a cancellation.
};

} // namespace subprocess::detail
