#include "next_client.hpp"

#include <chrono>
#include <system_error>

#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>

#include "keep_alive.hpp"
#include "log.hpp"

asio::awaitable<asio::ip::tcp::socket> next_client(asio::ip::tcp::acceptor& acceptor)
{
  while (true) {
    std::error_code ec;
    asio::ip::tcp::socket client = co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, ec));
    if (ec == asio::error::operation_aborted)
      throw std::system_error(ec);
    if (!ec) {
      keep_alive(client);
      co_return client;
    }
    log("accept: " + ec.message());
    asio::steady_timer pause(acceptor.get_executor(), std::chrono::milliseconds(100));
    co_await pause.async_wait(asio::use_awaitable);
  }
}
