#pragma once

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>

/// The next client that connects. Where there is no descriptor for it, it is tried
/// again: a moment later there may be one.
asio::awaitable<asio::ip::tcp::socket> next_client(asio::ip::tcp::acceptor& acceptor);
