#pragma once

#include <memory>
#include <utility>

namespace subprocess {

namespace detail {
class permit_pool;
} // namespace detail

/// One child's place under a spawn_limiter. Given back when it is destroyed, from
/// any thread, also when the limiter is gone.
///
/// Move-only; empty when default-constructed, moved from or given back.
///
/// Thread safety: distinct objects are safe.
class spawn_permit {
public:
  spawn_permit() noexcept = default;
  explicit spawn_permit(std::shared_ptr<detail::permit_pool> pool) noexcept : pool_(std::move(pool)) {}
  spawn_permit(spawn_permit&&) noexcept = default;
  spawn_permit& operator=(spawn_permit&& other) noexcept
  {
    std::swap(pool_, other.pool_);
    other.release();
    return *this;
  }
  ~spawn_permit() { release(); }

  /// Whether it holds a place.
  explicit operator bool() const noexcept { return pool_ != nullptr; }

  /// Gives it back now.
  void release() noexcept;

private:
  std::shared_ptr<detail::permit_pool> pool_;
};

} // namespace subprocess
