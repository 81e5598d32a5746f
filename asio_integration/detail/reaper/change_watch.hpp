#pragma once

#include <asio/basic_signal_set.hpp>
#include <asio/execution_context.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>

#include <asio_integration/detail/asio_internals.hpp>
#include <asio_integration/detail/wait_memory.hpp>
#include <subprocess/child_change.hpp>
#include <subprocess/detail/process/own_pid.hpp>
#include <subprocess/detail/process/process.hpp>

namespace subprocess::detail {

/// Who wants to hear that a child was stopped or continued.
class change_listener {
public:
  /// Called once, under the watch's lock: it may post a task, and no more.
  virtual void changed(const child_change& change) noexcept = 0;

protected:
  ~change_listener() = default;
};

/// Looks for children of one execution context that were stopped or continued,
/// while somebody wants to hear of it. No pidfd tells of that, so it takes
/// SIGCHLD, and a look now and then in case the signal is lost.
///
/// A change is taken from the kernel only together with a listener: what
/// remove() has taken out, a change can no longer be lost on.
///
/// Thread safety: safe.
class change_watch final : public asio::execution_context::service {
public:
  using key_type = change_watch;
  static inline asio::execution_context::id id;

  explicit change_watch(asio::execution_context& context);

  /// The watch of the context; made by the first call.
  static change_watch* of(asio::execution_context& context, std::error_code& ec);

  /// From now on, and for what nobody was told yet: until the first change.
  void add(const std::shared_ptr<process>& child, const std::shared_ptr<change_listener>& added, std::error_code& ec);

  /// \return Whether it was still there. If not, changed() was called.
  bool remove(const std::shared_ptr<process>& child, const change_listener& removed);

private:
  void shutdown() override;
  void notify_fork(asio::execution_context::fork_event event) override;

  void listen(std::error_code& ec);
  void await_signal();
  void await_tick();
  void look_in(std::uint64_t round, void (change_watch::*wait_again)());
  void look_at_all();
  void look_at(const std::shared_ptr<process>& child);
  void stop_if_idle();

  pid_t owner_ = own_pid();
  std::mutex mutex_; // Guards all below.
  std::multimap<std::shared_ptr<process>, std::shared_ptr<change_listener>> listeners_;
  std::optional<asio::basic_signal_set<loop_executor>> signals_; // While there are listeners.
  std::optional<loop_timer> timer_;
  wait_memory signal_memory_;
  wait_memory tick_memory_;
  std::uint64_t round_ = 0; // Of listening: handlers of an earlier one are void.
};

} // namespace subprocess::detail
