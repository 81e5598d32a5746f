#pragma once

#include <asio/execution_context.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include <asio_integration/detail/asio_internals.hpp>
#include <asio_integration/detail/wait_memory.hpp>
#include <subprocess/detail/process/own_pid.hpp>

namespace subprocess::detail {

/// A launch that is under way on an event loop. It is in at most one watch.
class watched_launch {
public:
  /// Called now and then, on the loop.
  virtual void look_again() = 0;

protected:
  ~watched_launch() = default;

private:
  friend class launch_watch;
  std::shared_ptr<void> alive_;
  std::uint64_t round_ = 0; // When it was last told to look.
  watched_launch* next_ = nullptr;
  watched_launch** link_ = nullptr; // What points here; null when it is not watched.
};

/// Looks at the launches of one context now and then: a child may have been stopped
/// before its exec, and somebody may hold the pipe that tells of it.
///
/// One timer for all, which is not counted as work: it neither holds run() nor has to
/// be cancelled.
///
/// Thread safety: safe.
class launch_watch final : public asio::execution_context::service {
public:
  using key_type = launch_watch;
  static asio::execution_context::id id;

  explicit launch_watch(asio::execution_context& context);

  /// Makes room, so that add() cannot fail. Before the child is made.
  void prepare();

  /// Something has to hold the loop.
  /// \param alive  What keeps it alive until it is removed, or the context ends.
  void add(watched_launch& added, std::shared_ptr<void> alive) noexcept;
  void remove(watched_launch& removed) noexcept;

private:
  void shutdown() override;
  void notify_fork(asio::execution_context::fork_event event) override;

  void arm() noexcept;
  void tick();

  pid_t owner_ = own_pid();
  std::mutex mutex_; // Guards all below.
  event_queue loop_;
  wait_memory memory_;
  watched_launch* first_ = nullptr;
  std::optional<loop_timer> timer_; // From the first launch on.
  std::uint64_t round_ = 0;
  bool is_armed_ = false;
  bool is_over_ = false;
};

} // namespace subprocess::detail
