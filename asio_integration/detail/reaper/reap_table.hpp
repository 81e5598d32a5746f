#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include <asio_integration/detail/reaper/waiter.hpp>
#include <subprocess/detail/process/process.hpp>

namespace subprocess::detail {

/// Who waits for which child: bookkeeping alone, without a system call, a lock
/// or an event loop.
class reap_table {
public:
  struct entry {
    std::shared_ptr<process> child;
    bool watched = false; // Something will tell of its end; else it is looked at now and then.
    waiter_list waiters;
  };

  /// \return The waiters of an earlier child with the same number. The kernel
  ///         gave the number away, so that child is gone, reaped by others.
  waiter_list add(std::shared_ptr<process> child, bool watched);

  /// The entry of this very child; null when it is not here (any more).
  entry* find(const process& child) noexcept;
  entry* find(pid_t pid) noexcept;

  /// Takes a waiter out; null when it has completed already.
  waiter* remove_waiter(const process& child, std::uint64_t id) noexcept;

  /// Forgets a child; its waiters are the caller's to complete.
  waiter_list finish(entry& ended);

  /// The children that nothing tells of, or all of them.
  std::vector<pid_t> unwatched() const;
  std::vector<pid_t> all() const;

  /// Whether somebody waits for a child that nothing tells of.
  bool needs_looking() const noexcept;

  std::size_t size() const noexcept { return entries_.size(); }

private:
  std::unordered_map<pid_t, entry> entries_;
};

} // namespace subprocess::detail
