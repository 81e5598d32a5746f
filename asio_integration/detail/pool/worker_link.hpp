#pragma once

#include <atomic>

#include <asio_integration/async_child.hpp>
#include <asio_integration/detail/pool/answer_buffer.hpp>
#include <asio_integration/pool_event.hpp>

namespace subprocess::detail {

/// What a pool, a lease and an exchange share of one worker. The pool uses the streams
/// while the worker is not leased; during a lease they are its user's.
struct worker_link {
  async_child child;
  answer_buffer unread;

  std::atomic<bool> was_drained = false; ///< The last exchange has read all that there was.
  std::atomic<bool> is_busy = false;     ///< There is an exchange.
  std::atomic<bool> is_broken = false;   ///< Nobody knows what comes next in the streams.
  std::atomic<stop_reason> stopped_by = stop_reason::none;
};

} // namespace subprocess::detail
