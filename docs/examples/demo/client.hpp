#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

/// Clients that send their data all at the same time, shut down their sending
/// side and take what comes until the server does so too.
/// \return What each one got.
std::vector<std::string> exchange(asio::io_context& loop, const asio::ip::tcp::endpoint& server,
                                  const std::vector<std::string>& inputs);

/// A client that sends a line and waits for one; the connection stays open.
asio::awaitable<void> greet(asio::ip::tcp::socket& connection, const asio::ip::tcp::endpoint& server, std::string line,
                            std::string& answer);

/// A client that takes a few bytes and then resets the connection.
asio::awaitable<void> vanish(const asio::ip::tcp::endpoint& server, std::size_t bytes);

/// What comes on a connection until its end.
asio::awaitable<void> read_to_end(asio::ip::tcp::socket& connection, std::string& text);
