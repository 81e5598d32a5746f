#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <system_error>

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <asio_integration/asio_integration.hpp>

/// One connection and its worker: what the client sends goes to the worker's
/// stdin, what the worker writes to stdout goes to the client.
///
/// Each direction has one buffer and one operation at a time, so whoever is slow
/// slows the other down: no amount of data piles up in between.
///
/// Thread safety: none; one thread runs the loop.
class per_connection_session {
public:
  per_connection_session(asio::ip::tcp::socket client, subprocess::async_child worker, subprocess::spawn_permit permit,
                         std::chrono::milliseconds grace);

  /// Returns when the worker is reaped and the connection closed. The session
  /// stays where it is until then.
  asio::awaitable<void> run();

  /// The server goes down. Asks the worker to end, with SIGTERM and after the
  /// grace with SIGKILL; the client has one more grace to take what was written.
  void stop();

  /// Ends the worker at once.
  void kill();

private:
  using clock = std::chrono::steady_clock;

  asio::awaitable<void> exchange();
  asio::awaitable<void> both_directions();
  asio::awaitable<void> feed();
  asio::awaitable<void> deliver();
  asio::awaitable<void> watch_client();
  asio::awaitable<void> oversee();
  asio::awaitable<void> await_end();
  asio::awaitable<void> let_client_finish();

  void give_up();
  void report() const;

  asio::ip::tcp::socket client_;
  subprocess::async_child worker_;
  subprocess::spawn_permit permit_; // Until the worker is reaped.
  std::chrono::milliseconds grace_;
  asio::steady_timer deadline_; // For whatever oversee() waits for; moved to wake it up.

  bool stopping_ = false;
  bool finished_ = false;           // In both directions.
  bool waiting_for_output_ = false; // The pipe is empty, and everything in it was delivered.
  std::uint64_t received_ = 0;
  std::uint64_t sent_ = 0;

  const std::string name_; // Of the client.
  const clock::time_point started_ = clock::now();
  subprocess::exit_status status_;
  std::error_code wait_error_;

  std::array<char, 65536> in_;
  std::array<char, 65536> out_;
};
