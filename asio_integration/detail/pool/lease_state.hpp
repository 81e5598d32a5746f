#pragma once

#include <asio/any_io_executor.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>

#include <asio_integration/detail/pool/worker_link.hpp>

namespace subprocess::detail {

class pool_core;

/// What a lease holds.
struct lease_state {
  std::shared_ptr<pool_core> pool;
  std::shared_ptr<worker_link> worker;
  std::uint64_t number = 0; ///< Of the worker.
  asio::any_io_executor executor;
  event_queue loop;
  std::size_t longest_line = 0;
  std::size_t longest_frame = 0;
  bool lent_streams = false; ///< Its user may have read, written and closed by himself.
  int open_streams = 0;      ///< Of stdin and stdout, when they were lent.
};

} // namespace subprocess::detail
