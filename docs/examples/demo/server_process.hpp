#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio_integration/asio_integration.hpp>

/// Runs the loop until nothing is left to do.
/// \throws std::runtime_error  when that takes longer than a minute.
void run_to_end(asio::io_context& loop);

/// Runs one coroutine to its end, whose exception becomes the caller's.
void run_coroutine(asio::io_context& loop, asio::awaitable<void> coroutine);

/// A worker_server, started and listening, and what it logs.
class server_process {
public:
  /// \param arguments  Its command line.
  server_process(asio::io_context& loop, const std::string& program, std::initializer_list<std::string_view> arguments);

  asio::ip::tcp::endpoint endpoint() const { return {asio::ip::address_v4::loopback(), port_}; }
  pid_t id() const { return process_.id(); }

  /// Waits until it has told the end of so many workers.
  void await_reports(std::size_t count);

  /// Waits for a line with this text in it, behind the one that was found last.
  asio::awaitable<std::string> told(std::string text);

  /// Asks how its pool stands, by SIGUSR1, until that has this text in it.
  asio::awaitable<void> stands_at(std::string text);

  void send_signal(int number) { process_.send_signal(number); }

  /// Waits for its end. Nothing that runs on the loop is left.
  subprocess::exit_status end();

  /// Sends SIGTERM first.
  subprocess::exit_status terminate();

  /// What it has logged, as far as it was waited for.
  const std::vector<std::string>& log() const { return log_; }

  /// The lines that tell a worker's end.
  std::vector<std::string> reports() const;

private:
  asio::awaitable<void> read_log(std::function<bool()> enough);

  asio::io_context& loop_;
  subprocess::async_child process_;
  asio::ip::port_type port_ = 0;
  std::string unread_;
  std::vector<std::string> log_;
  std::size_t found_ = 0; // What was looked at by told().
};
