// What sd_notify(3) of systemd does, for programs that do not link with it.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <string_view>

inline void notify(std::string_view text)
{
  const char* const variable = std::getenv("NOTIFY_SOCKET");
  const std::string_view name = variable ? variable : "";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.empty() || name.size() >= sizeof address.sun_path)
    return; // Nobody wants to know.
  name.copy(address.sun_path, name.size());
  if (name.front() == '@')
    address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  const int there = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ::sendto(there, text.data(), text.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), size);
  ::close(there);
}
