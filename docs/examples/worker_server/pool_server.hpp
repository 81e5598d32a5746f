#pragma once

#include <set>
#include <system_error>

#include <asio/awaitable.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <asio_integration/asio_integration.hpp>

#include "options.hpp"
#include "pool_session.hpp"

/// Serves all connections from one pool of workers, request by request.
///
/// SIGUSR1 logs how the pool stands. SIGHUP reads the command anew, and puts workers of
/// it in the place of all, one by one.
///
/// Thread safety: none; one thread runs the loop.
class pool_server {
public:
  /// \throws std::invalid_argument  when there is no command to be read.
  pool_server(const asio::any_io_executor& executor, const server_options& options);

  /// Serves until SIGINT or SIGTERM; requests under way are answered. Returns when every
  /// worker is reaped. Each further signal is one more cancellation of the pool: it
  /// refuses those who wait for a worker, then stops the leased, then kills.
  ///
  /// \throws std::system_error  when the pool gives up.
  asio::awaitable<void> run();

private:
  asio::awaitable<void> run_pool();
  asio::awaitable<void> log_events();
  asio::awaitable<void> serve_until_stopped();
  asio::awaitable<void> accept_connections();
  asio::awaitable<void> serve(asio::ip::tcp::socket client);
  asio::awaitable<void> all_ended();
  asio::awaitable<void> pool_ended();
  asio::awaitable<void> hurry();
  asio::awaitable<void> obey_requests();
  asio::awaitable<void> reload();
  void log_counts() const;

  const server_options options_;
  asio::ip::tcp::acceptor acceptor_;
  asio::signal_set stop_signals_;
  asio::signal_set requests_; // By signals too.
  asio::steady_timer change_; // Cancelled when a session or the pool has ended.
  subprocess::worker_pool pool_;
  asio::cancellation_signal end_pool_;
  std::error_code why_pool_ended_;
  bool pool_has_ended_ = false;
  bool stopping_ = false;
  std::set<pool_session*> sessions_;
};
