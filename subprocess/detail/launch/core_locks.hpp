#pragma once

#include <mutex>

namespace subprocess::detail {

// Everything that launches share in the whole program stands under these locks, and
// a fork of the program takes them all: its copy finds nothing locked, nothing half
// done, and no end of a pipe that a launch has just made. pthread_atfork(3).
//
// They are taken in this order, and none while a process is waited for.

/// Held from the first descriptor that a child alone is to have until the parent has
/// closed its own: whoever forks meanwhile would keep a stream open. That is as long
/// as the kernel takes to make a process, so an event loop only tries.
class launch_gate {
public:
  void lock() noexcept;
  bool try_lock() noexcept;
  void unlock() noexcept;

  /// Whether the calling thread holds it.
  bool is_mine() const noexcept;
};

/// While it lives, the calling thread makes a child for the one that holds the gate, and
/// that waits for it.
class gate_deputy {
public:
  gate_deputy() noexcept;
  ~gate_deputy();
  gate_deputy(const gate_deputy&) = delete;
  gate_deputy& operator=(const gate_deputy&) = delete;
};

/// Guards what is kept for later launches.
std::mutex& shelf_lock() noexcept;

/// Guards the list of orphans.
std::mutex& orphans_lock() noexcept;

/// Guards who has launcher threads.
std::mutex& threads_lock() noexcept;

/// Guards who observes.
std::mutex& observers_lock() noexcept;

} // namespace subprocess::detail
