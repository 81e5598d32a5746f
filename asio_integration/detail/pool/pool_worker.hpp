#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <tuple>

#include <asio_integration/detail/pool/restart_policy.hpp>
#include <asio_integration/pool_event.hpp>

namespace subprocess::detail {

/// What a pool waits for by the clock. All but the first are of one worker.
enum class deadline_kind : unsigned char {
  restart,  ///< A slot's delay is over.
  ready,    ///< The worker has to be ready.
  lease,    ///< Its lease has to be over.
  watchdog, ///< It has to have given a sign of life.
  age,      ///< It has been ready for as long as it may be.
};

struct deadline {
  pool_time at = never;
  std::size_t slot = 0;
  std::uint64_t worker = 0; // 0 for a restart.
  deadline_kind kind = deadline_kind::restart;

  // Not the three-way comparison: the time points of older libraries have none.
  friend bool operator<(const deadline& one, const deadline& other)
  {
    return std::tie(one.at, one.slot, one.worker, one.kind) < std::tie(other.at, other.slot, other.worker, other.kind);
  }
};

using deadlines = std::set<deadline>;

/// A worker from the decision to start it until it is reaped.
struct pool_worker {
  enum class phase {
    spawning, ///< There may be no process yet.
    starting, ///< There is one.
    idle,
    leased,
    stopping, ///< Its stop sequence has begun.
  };

  std::uint64_t number = 0;
  unsigned generation = 0; ///< Of its command.
  phase now = phase::spawning;
  pid_t pid = -1;

  /// Why it stops; or why it will when it is spawned, or its lease over.
  stop_reason leaving = stop_reason::none;

  std::optional<pool_time> ready_since{};
  std::size_t uses = 0;
  std::size_t most_uses = 0; ///< 0: no limit.

  /// By deadline_kind; `never` where there is none.
  std::array<pool_time, 5> due{never, never, never, never, never};

  bool is_ready() const noexcept { return now == phase::idle || now == phase::leased; }
};

/// A place of a pool. One worker is in it; two while one takes over from another.
struct pool_slot {
  std::optional<pool_worker> current;
  std::optional<pool_worker> next; ///< Started by a replacement, not ready yet.
  std::optional<pool_worker> old;  ///< Replaced, not ended yet.

  unsigned generation = 0; ///< What the next start uses.
  unsigned failures = 0;   ///< Deaths in a row.
  bool is_dormant = false; ///< By restart_when no worker is started any more.

  /// When the next start is due. It waits while there is a `next`.
  std::optional<pool_time> restart_at;
  bool restart_armed = false;

  bool is_empty() const noexcept { return !current && !next && !old; }
};

} // namespace subprocess::detail
