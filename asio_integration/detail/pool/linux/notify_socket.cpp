#include <asio_integration/detail/pool/notify_socket.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <utility>

#include <asio_integration/detail/pool/notify_message.hpp>

namespace subprocess::detail {
namespace {

// SCM_MAX_FD of the kernel.
constexpr std::size_t most_descriptors = 253;

unique_fd above_standard_streams(unique_fd socket, int& error)
{
  if (socket.get() > 2)
    return socket;
  unique_fd moved(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 3));
  error = moved ? 0 : errno;
  return moved;
}

// The kernel chooses a name that nobody has; its first byte is a NUL.
int bind_anywhere(int socket, std::string& name)
{
  const int on = 1;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socklen_t size = sizeof(sa_family_t);
  if (::setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == -1 ||
      ::bind(socket, reinterpret_cast<const sockaddr*>(&address), size) == -1)
    return errno;
  size = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == -1)
    return errno;
  const std::size_t length = size - offsetof(sockaddr_un, sun_path);
  name.assign(address.sun_path, length);
  if (!name.empty())
    name[0] = '@';
  return 0;
}

void close_descriptors(const cmsghdr& part)
{
  const std::size_t count = (part.cmsg_len - CMSG_LEN(0)) / sizeof(int);
  for (std::size_t i = 0; i < count; ++i) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(&part) + i * sizeof fd, sizeof fd);
    ::close(fd);
  }
}

} // namespace

unique_fd open_notify_socket(std::string& name, std::error_code& ec)
{
  unique_fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  int error = socket ? 0 : errno;
  if (socket)
    socket = above_standard_streams(std::move(socket), error);
  if (!error)
    error = bind_anywhere(socket.get(), name);
  ec.assign(error, std::system_category());
  return error ? unique_fd() : std::move(socket);
}

std::optional<notify_datagram> receive_notify(int socket)
{
  char text[longest_notify_message + 1]; // One more byte shows that it is too long.
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(sizeof(int) * most_descriptors)];
  iovec piece{text, sizeof text};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t got = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got == -1)
    return std::nullopt;
  notify_datagram received{.text = std::string(text, static_cast<std::size_t>(got))};
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_type == SCM_RIGHTS)
      close_descriptors(*part);
    ucred sender{};
    if (part->cmsg_type == SCM_CREDENTIALS && part->cmsg_len == CMSG_LEN(sizeof sender)) {
      std::memcpy(&sender, CMSG_DATA(part), sizeof sender);
      received.sender = sender.pid;
    }
  }
  return received;
}

// "12 (a name) S 7 …": the name may hold anything.
pid_t parent_of(pid_t process)
{
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string line;
  std::getline(file, line, '\0');
  const std::size_t end = line.rfind(')');
  if (end == line.npos || line.size() < end + 5)
    return 0;
  return static_cast<pid_t>(std::strtol(line.c_str() + end + 4, nullptr, 10));
}

} // namespace subprocess::detail
