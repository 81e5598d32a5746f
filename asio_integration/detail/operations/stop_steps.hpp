#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <system_error>

#include <subprocess/detail/process/group_stop.hpp>
#include <subprocess/detail/process/process.hpp>
#include <subprocess/stop_sequence.hpp>

namespace subprocess::detail {

/// A stop sequence under way: sends what is next, and waits for nothing.
class stop_steps {
public:
  /// \param sequence  Has to outlive this.
  /// \return          `EINVAL`: it is for a group that the library did not make.
  std::error_code begin(const std::shared_ptr<process>& child, const stop_sequence& sequence) noexcept
  {
    std::error_code ec;
    group_ = group_stop(child, sequence, ec);
    child_ = child;
    sequence_ = &sequence;
    return ec;
  }

  bool has_begun() const noexcept { return sequence_ != nullptr; }

  /// Sends the next signal, SIGKILL after the last.
  /// \param ec  `EPERM`: the child may not be signalled.
  /// \return    When to send the next one; empty when this was SIGKILL, or failed.
  std::optional<process::clock::time_point> next(std::error_code& ec) noexcept
  {
    const bool is_last = step_ == sequence_->steps.size();
    ec = is_last ? child_->kill(sequence_->whom) : child_->ask_to_end(sequence_->whom, sequence_->steps[step_].signal);
    if (ec == std::errc::invalid_argument) // It has ended, and whoever waits is told how.
      ec.clear();
    if (is_last || ec)
      return std::nullopt;
    // A grace of centuries must not overflow the clock.
    const auto grace =
        std::min<std::chrono::nanoseconds>(sequence_->steps[step_++].grace, std::chrono::hours(24 * 365));
    return process::clock::now() + std::chrono::duration_cast<process::clock::duration>(grace);
  }

  /// What is left of the group is no longer ours to kill.
  void give_up() noexcept { group_ = group_stop(); }

private:
  std::shared_ptr<process> child_;
  const stop_sequence* sequence_ = nullptr;
  std::size_t step_ = 0;
  group_stop group_;
};

} // namespace subprocess::detail
