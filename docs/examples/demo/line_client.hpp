#pragma once

#include <optional>
#include <string>

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read_until.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

/// A client that sends lines, and waits for the answer to each.
class line_client {
public:
  explicit line_client(const asio::any_io_executor& executor) : connection_(executor) {}

  asio::awaitable<void> connect(asio::ip::tcp::endpoint server)
  {
    co_await connection_.async_connect(server, asio::use_awaitable);
  }

  /// \return  The answer, or nothing when the connection has ended before it.
  asio::awaitable<std::optional<std::string>> ask(std::string line)
  {
    std::error_code ec;
    line += '\n';
    co_await asio::async_write(connection_, asio::buffer(line), asio::redirect_error(asio::use_awaitable, ec));
    const std::size_t size = co_await asio::async_read_until(connection_, asio::dynamic_buffer(input_), '\n',
                                                             asio::redirect_error(asio::use_awaitable, ec));
    if (ec)
      co_return std::nullopt;
    std::string answer = input_.substr(0, size - 1);
    input_.erase(0, size);
    co_return answer;
  }

private:
  asio::ip::tcp::socket connection_;
  std::string input_;
};
