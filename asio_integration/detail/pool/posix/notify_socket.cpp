#include <asio_integration/detail/pool/notify_socket.hpp>

#include <cerrno>

namespace subprocess::detail {

unique_fd open_notify_socket(std::string&, std::error_code& ec)
{
  ec.assign(ENOTSUP, std::system_category());
  return {};
}

std::optional<notify_datagram> receive_notify(int)
{
  return std::nullopt;
}

pid_t parent_of(pid_t)
{
  return 0;
}

} // namespace subprocess::detail
