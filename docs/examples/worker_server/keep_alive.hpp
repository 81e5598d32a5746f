#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <asio/ip/tcp.hpp>

/// Lets the kernel find out that a client is gone that says nothing any more.
///
/// A client that has closed its socket looks like one that has shut down its
/// sending side and waits for the answer; only one of them answers probes. On
/// Linux it takes about a minute until the closed one does not.
inline void keep_alive(asio::ip::tcp::socket& socket)
{
  std::error_code ignored; // Without it, the client is only noticed later.
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
#ifdef TCP_KEEPIDLE // Not everywhere; the default is two hours.
  const auto set = [&](int option, int value) {
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, option, &value, sizeof value);
  };
  set(TCP_KEEPIDLE, 10);
  set(TCP_KEEPINTVL, 5);
  set(TCP_KEEPCNT, 3);
#endif
}

/// The error that has come in on a socket, if any; asking takes it away.
inline int pending_error(asio::ip::tcp::socket& socket)
{
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket.native_handle(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}
