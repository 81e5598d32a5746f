#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <system_error>

#include <subprocess/detail/observation/tell_afterwards.hpp>
#include <subprocess/observer.hpp>

namespace subprocess::detail {

class observer_list;

/// What is told of one launch, and to whom: those who observed when it began. There is none
/// when nobody did.
///
/// Each child is told as failed, or as started and then as ended, by whatever threads
/// notice: an end that is noticed before the start was told waits for that.
///
/// Thread safety: safe; started() and failed() are for one thread at a time.
class observed_child : public std::enable_shared_from_this<observed_child> {
public:
  /// A launch begins. Null when nobody observes.
  static std::shared_ptr<observed_child> of_launch(const command& what);

  /// The same for a child that something else has made.
  static std::shared_ptr<observed_child> of_adoption();

  explicit observed_child(std::shared_ptr<const observer_list> observers) noexcept;

  // The first of these counts, and is told.
  void started(pid_t pid, launcher used) noexcept;
  void failed(const spawn_failure& failure) noexcept;

  /// Once. It is told when the start is.
  void ended(std::error_code error, exit_status status, const std::optional<exit_report>& report) noexcept;

private:
  friend class tell_afterwards;
  using clock = std::chrono::steady_clock;

  observation::time_point now() const noexcept;
  void tell_soon() noexcept;
  void tell() noexcept;
  void tell_end() noexcept;

  const std::shared_ptr<const observer_list> observers_;
  const pid_t owner_;
  const clock::time_point began_;
  observation seen_;
  bool is_decided_ = false; // Started or failed.
  enum : unsigned { start_told = 1, has_ended = 2 };
  std::atomic<unsigned> progress_ = 0;

  // Written before has_ended.
  observation::time_point over_;
  exit_status status_;
  std::optional<exit_report> report_;
  std::error_code error_;

  // In the thread's queue.
  std::shared_ptr<observed_child> self_;
  observed_child* next_ = nullptr;
};

} // namespace subprocess::detail
