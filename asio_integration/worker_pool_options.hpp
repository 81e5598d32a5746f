#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <asio_integration/pool_event.hpp>

namespace subprocess {

/// Whether a worker that has ended unasked is started again. One that the pool
/// itself ended in order to renew it always is.
///
/// When none is left, and none will be started, async_run() is complete, without an
/// error.
enum class restart_when {
  never,
  on_failure, ///< Unless its exit code is 0.
  always,
};

/// How long a slot waits before it starts a worker in place of one that died.
///
/// The n-th death in a row is followed by `first` · `factor`ⁿ⁻¹, at most by `most`,
/// of which up to the part `jitter` is taken off by chance. A worker that was
/// ready for `healthy` begins a new row.
///
/// Plain data. Less than zero counts as zero; a factor below 1 counts as 1.
struct backoff {
  std::chrono::nanoseconds first = std::chrono::milliseconds(100);
  std::chrono::nanoseconds most = std::chrono::seconds(30);
  std::chrono::nanoseconds healthy = std::chrono::seconds(10);
  double factor = 2;
  double jitter = .2; ///< From 0, none, to 1, all of it.

  friend bool operator==(const backoff&, const backoff&) = default;
};

/// How a pool learns that a worker it has started can work. A plain value.
class readiness {
public:
  enum class sign { exec, line, notify };

  /// By nothing but its program having been started.
  static readiness exec() { return readiness(sign::exec, {}); }

  /// By the first line that it writes to stdout, which nobody else reads.
  ///
  /// \param first_line_of_stdout  The whole line, without the newline.
  static readiness line(std::string first_line_of_stdout)
  {
    return readiness(sign::line, std::move(first_line_of_stdout));
  }

  /// By READY=1, as services of systemd tell it.
  /// \source sd_notify(3).
  static readiness notify() { return readiness(sign::notify, {}); }

  /// Which of the three it is.
  sign by() const noexcept { return by_; }

  /// Empty unless it is by a line.
  const std::string& expected_line() const noexcept { return line_; }

  friend bool operator==(const readiness&, const readiness&) = default;

private:
  readiness(sign by, std::string line) : by_(by), line_(std::move(line)) {}

  sign by_;
  std::string line_;
};

/// When a worker is ended and another started, although it is well. 0: not for
/// that reason. It is never done during a lease.
struct recycling {
  std::size_t uses = 0;            ///< After so many leases,
  std::size_t jitter = 0;          ///< and by chance up to so many more, or all go at once.
  std::chrono::nanoseconds age{0}; ///< When it has been ready for so long.
  std::size_t peak_rss = 0;        ///< In bytes: when it has ever had more. Looked at after a lease.

  friend bool operator==(const recycling&, const recycling&) = default;
};

/// What a pool can be told. Plain data.
struct worker_pool_options {
  /// How many workers. The slots are numbered from 0; a smaller pool gives up the
  /// highest ones.
  std::size_t size = 1;

  restart_when restart = restart_when::always;
  backoff delay{};

  /// With more deaths than that, of all slots together, in less than `within`, the
  /// pool gives up. A worker that could not be started, or was not ready in time,
  /// counts as well; one that the pool ended because its lease, age or uses were
  /// over, or for a smaller size, does not.
  unsigned most_deaths = 5;
  std::chrono::nanoseconds within = std::chrono::seconds(10);

  readiness ready = readiness::exec();
  std::chrono::nanoseconds ready_within = std::chrono::seconds(10); ///< From the start on; 0: for ever.

  std::chrono::nanoseconds lease_limit{0}; ///< A longer lease ends its worker; 0: no limit.
  std::chrono::nanoseconds watchdog{0};    ///< A worker that sends no WATCHDOG=1 for so long is ended; 0: none.

  recycling recycle{};

  /// Exit codes that no restart mends: the pool gives up at once.
  std::vector<int> permanent_failures{};

  /// With so many waiting, async_acquire() fails with `EAGAIN` instead of waiting.
  std::size_t most_waiting = SIZE_MAX;

  std::size_t longest_line = std::size_t(1) << 20;   ///< The longest answer to async_request(), in bytes.
  std::size_t longest_frame = std::size_t(64) << 20; ///< The longest one to async_exchange().

  friend bool operator==(const worker_pool_options&, const worker_pool_options&) = default;
};

/// How a pool stands at one moment. Plain data.
struct pool_counts {
  std::size_t ready = 0;    ///< Workers that can be leased at once.
  std::size_t leased = 0;   ///< Workers that are leased.
  std::size_t starting = 0; ///< Workers that are not ready yet.
  std::size_t stopping = 0; ///< Workers that have been told to end.
  std::size_t waiting = 0;  ///< Calls of async_acquire() that wait.
  std::uint64_t deaths = 0; ///< Since the pool runs.

  friend bool operator==(const pool_counts&, const pool_counts&) = default;
};

} // namespace subprocess
