#pragma once

#include <set>
#include <string>

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <asio_integration/asio_integration.hpp>

#include "options.hpp"
#include "per_connection_session.hpp"

/// Gives each connection a worker of its own, as long as there are permits;
/// further connections wait in the listening socket's queue.
///
/// Thread safety: none; one thread runs the loop.
class per_connection_server {
public:
  per_connection_server(const asio::any_io_executor& executor, const server_options& options);

  /// Serves until SIGINT or SIGTERM, and returns when every worker is reaped. A
  /// second signal kills the workers that are left.
  asio::awaitable<void> run();

private:
  asio::awaitable<void> accept_connections();
  asio::awaitable<void> serve(asio::ip::tcp::socket client, subprocess::spawn_permit permit);
  asio::awaitable<void> all_ended();

  asio::ip::tcp::acceptor acceptor_;
  asio::signal_set signals_;
  asio::steady_timer someone_ended_;
  subprocess::spawn_limiter limiter_;
  subprocess::command worker_;
  std::chrono::milliseconds grace_;

  bool stopping_ = false;
  std::size_t connections_ = 0;
  std::set<per_connection_session*> sessions_; // Those of the connections whose worker has started.
};
