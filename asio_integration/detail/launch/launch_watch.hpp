#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/execution_context.hpp>
#include <asio/steady_timer.hpp>

#include <memory>
#include <mutex>
#include <optional>

#include <asio_integration/detail/reaper/idle_work.hpp>
#include <subprocess/detail/process/own_pid.hpp>

namespace subprocess::detail {

/// A launch that is under way on an event loop. It is in at most one watch.
class watched_launch {
public:
  /// Called now and then, under the watch's lock: it may post, and no more.
  virtual void look_again() = 0;

protected:
  ~watched_launch() = default;

private:
  friend class launch_watch;
  std::shared_ptr<void> alive_;
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

  /// Some work of the launch has to be counted.
  /// \param executor  Where to wait; none that counts work.
  /// \param alive     What keeps it alive until it is removed, or the context ends.
  void add(const asio::any_io_executor& executor, watched_launch& added, std::shared_ptr<void> alive);
  void remove(watched_launch& removed) noexcept;

private:
  void shutdown() override;

  void arm();
  void tick();

  const pid_t owner_ = own_pid();
  std::mutex mutex_; // Guards all below.
  idle_work idle_;
  watched_launch* first_ = nullptr;
  std::optional<asio::steady_timer> timer_; // From the first launch on.
  bool is_armed_ = false;
  bool is_over_ = false;
};

} // namespace subprocess::detail
