#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <system_error>

#include <subprocess/unique_fd.hpp>

namespace subprocess::detail {

/// The socket that workers find by NOTIFY_SOCKET. Anybody on the machine may send to it;
/// the kernel tells who did.
/// \source sd_notify(3); unix(7), SO_PASSCRED and abstract names.
///
/// \param name  What NOTIFY_SOCKET has to say.
/// \param ec    `ENOTSUP`: the system does not tell who sends. `EMFILE`, `ENFILE`.
unique_fd open_notify_socket(std::string& name, std::error_code& ec);

struct notify_datagram {
  std::string text;
  pid_t sender = 0; ///< 0 when it cannot be told.
};

/// Empty when there is none now. Descriptors that come with one are closed: that is the
/// answer to BARRIER=1, since all before it was received.
std::optional<notify_datagram> receive_notify(int socket);

/// The parent of any process; 0 when there is none, or no such process.
pid_t parent_of(pid_t process);

} // namespace subprocess::detail
