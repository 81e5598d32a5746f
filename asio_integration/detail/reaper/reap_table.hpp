#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <system_error>

#include <asio_integration/detail/reaper/waiter.hpp>
#include <subprocess/detail/process/process.hpp>

namespace subprocess::detail {

/// Who waits for which child: bookkeeping alone, without a system call, a lock
/// or an event loop.
///
/// A child's place is made before the child. From then on nothing takes memory.
class reap_table {
public:
  struct entry {
    std::shared_ptr<process> child;
    bool watched = false; // Something will tell of its end; else it is looked at now and then.
    bool held = false;    // It is dying, and the loop stays for that.
    waiter_list waiters;

    bool is_awaited() const noexcept { return held || !waiters.empty(); }
  };

private:
  using map = std::map<pid_t, entry>;

public:
  using place = map::node_type;

  /// Room for one child.
  static place make_place();

  /// \return The entry of an earlier child with the same number, empty when there is
  ///         none. The kernel gave the number away, so that child is gone, reaped by
  ///         others.
  place add(place room, std::shared_ptr<process> child);

  /// The entry of this very child; null when it is not here (any more).
  entry* find(const process& child) noexcept;
  entry* find(pid_t pid) noexcept;

  /// The first entry whose number is greater; null behind the last. To go through all
  /// while they change.
  entry* after(pid_t pid) noexcept;

  /// Takes a waiter out; null when it has completed already.
  waiter* remove_waiter(const process& child, std::uint64_t id) noexcept;

  /// Forgets a child; its waiters are the caller's to complete.
  place finish(const entry& ended) noexcept;

  /// Whether somebody waits for a child that nothing tells of.
  bool needs_looking() const noexcept;

  /// Whether somebody waits for any child.
  bool is_awaited() const noexcept;

  std::size_t size() const noexcept { return entries_.size(); }

private:
  map entries_;
};

} // namespace subprocess::detail
