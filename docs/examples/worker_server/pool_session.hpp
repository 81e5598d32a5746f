#pragma once

#include <cstddef>
#include <string>

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>
#include <asio_integration/asio_integration.hpp>

/// One connection to a server with a pool. Each line of the client's is a request, for
/// which it gets one line: `ok: ` and the answer of a worker, or `failed: ` and why
/// there is none. It has a worker only while that works for it.
///
/// Thread safety: none; one thread runs the loop.
class pool_session {
public:
  pool_session(asio::ip::tcp::socket client, subprocess::worker_pool& pool);

  /// Returns when the connection is over. The session stays where it is until then.
  asio::awaitable<void> run();

  /// The server goes down: the request under way, if any, is the last one.
  void stop();

private:
  asio::awaitable<bool> next_request();
  asio::awaitable<std::string> answer();
  asio::awaitable<bool> send(std::string line);
  asio::awaitable<void> say_goodbye();
  asio::awaitable<void> discard_rest();

  static constexpr std::size_t longest_request = std::size_t(1) << 20;

  asio::ip::tcp::socket client_;
  subprocess::worker_pool& pool_;
  std::string input_; // Behind the request.
  std::string request_;
  bool is_waiting_ = false; // For a request.
  bool stopping_ = false;
};
