#pragma once

#include <system_error>
#include <utility>

#include <subprocess/error.hpp>

namespace subprocess::detail {

/// Where a call keeps what failed: where its caller wants to read that, or here.
class told_failure {
public:
  explicit told_failure(spawn_failure* callers) noexcept : place_(callers ? *callers : own_) {}
  told_failure(const told_failure&) = delete;
  told_failure& operator=(const told_failure&) = delete;

  operator spawn_failure&() noexcept { return place_; }
  std::error_code code() const noexcept { return place_.code; }

  void or_throw() const
  {
    if (place_)
      throw spawn_error(place_);
  }

  /// \param ran  Whether there was a program; then what it wrote is kept.
  template <class WithOutput, class Output>
  void or_throw(bool ran, Output& output) const
  {
    if (place_ && ran)
      throw WithOutput(place_, std::move(output));
    or_throw();
  }

private:
  spawn_failure own_;
  spawn_failure& place_;
};

} // namespace subprocess::detail
