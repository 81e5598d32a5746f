#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include <subprocess/exit_status.hpp>

namespace subprocess::tests {

/// A thread of the host that forks workers without exec, one after the other, as
/// servers do. Each has copies of what was open at its fork, and lives for some
/// seconds: longer than anything here should take.
class forking_host {
public:
  /// How long a launch may take at most while workers are being forked. Less than a
  /// worker lives, and enough for a slow machine.
  static constexpr std::chrono::seconds soon{3};

  explicit forking_host(int workers);

  /// Ends the workers.
  ~forking_host();
  forking_host(const forking_host&) = delete;
  forking_host& operator=(const forking_host&) = delete;

  /// Whether all are there.
  bool done() const { return done_; }

  /// Calls `launch` until all workers are there, or one call took too long, which
  /// fails the test.
  void meanwhile(const std::function<void()>& launch);

private:
  std::atomic<bool> done_ = false;
  std::atomic<bool> enough_ = false;
  std::vector<pid_t> workers_; // The thread's, until it was joined.
  std::thread thread_;
};

/// Runs `body` in a fork of this process that is not checked in any way, and which
/// SIGALRM ends if it hangs. Touches nothing of the test framework there.
/// \return How it ended: with the value of `body`.
exit_status in_worker(const std::function<int()>& body);

} // namespace subprocess::tests
