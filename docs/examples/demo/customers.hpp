#pragma once

#include <cstddef>
#include <map>
#include <string>

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>

/// Clients that ask one question after the other, each another one, and compare every
/// answer. A worker answers `VERSION QUESTION`.
class customers {
public:
  explicit customers(asio::ip::tcp::endpoint server) : server_(server) {}

  /// One of them, until leave() or the end of the connection.
  asio::awaitable<void> come(std::string name);

  /// Eight of them.
  asio::awaitable<void> come_all();

  void leave() { leaving_ = true; }

  /// Waits until there were so many more answers.
  asio::awaitable<void> served(std::size_t more);

  /// How many right answers came from workers of each version.
  std::map<std::string, std::size_t> right;
  std::size_t total = 0;     ///< Of these.
  std::string first_wrong{}; ///< Empty when there was none.
  std::size_t cut_off = 0;   ///< Whose connection has ended.

private:
  void compare(const std::string& question, const std::string& answer);

  asio::ip::tcp::endpoint server_;
  bool leaving_ = false;
};
