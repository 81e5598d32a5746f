#pragma once

#include <atomic>
#include <mutex>
#include <string_view>
#include <utility>

#include <subprocess/callback.hpp>
#include <subprocess/output_line.hpp>

namespace subprocess::detail {

/// Whom the caller wants to be told what is captured. One call at a time, whatever
/// threads read; none any more once one has thrown.
///
/// Not to be called under the lock of an operation: what is called may cancel that, or
/// wait for a lock of the caller's.
class output_sink {
public:
  using function = callback<void(output_stream, std::string_view)>;

  explicit output_sink(function told) noexcept : told_(std::move(told)) {}

  /// Whether there is anybody.
  explicit operator bool() const noexcept { return static_cast<bool>(told_); }

  bool has_failed() const noexcept { return failed_; }

  void operator()(output_stream from, std::string_view text)
  {
    const std::lock_guard lock(mutex_);
    if (failed_ || text.empty())
      return;
    try {
      told_(from, text);
    } catch (...) {
      failed_ = true;
      throw;
    }
  }

private:
  const function told_;
  std::recursive_mutex mutex_; // Who is told may run the loop.
  std::atomic<bool> failed_ = false;
};

} // namespace subprocess::detail
