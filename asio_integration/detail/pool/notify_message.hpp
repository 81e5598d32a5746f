#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace subprocess::detail {

/// What a worker says of itself on the socket of NOTIFY_SOCKET. Plain data.
///
/// Who has sent it is not told here: the socket tells that.
/// \source sd_notify(3).
struct notify_message {
  enum class watchdog { none, alive, trigger };

  bool is_ready = false;
  bool is_reloading = false;
  bool is_stopping = false;
  watchdog sign = watchdog::none;
  std::optional<pid_t> main_pid{};                           ///< Which process is the worker; claimed, not checked.
  std::optional<std::chrono::microseconds> extend_timeout{}; ///< So long from now on, at least.
  std::optional<int> error{};                                ///< An errno.
  std::string status{};                                      ///< One line, for people.
  bool wants_barrier = false; ///< The descriptor that comes with it is to be closed when all before is handled.

  friend bool operator==(const notify_message&, const notify_message&) = default;
};

/// The longest message that is looked at, in bytes; systemd takes no longer one.
constexpr std::size_t longest_notify_message = 4096;

/// Reads one datagram. Of a value that is given twice the first counts, unknown
/// variables are ignored, and so is what has no proper value.
///
/// \return Empty when it is no message: too long, or with a NUL byte other than at
///         its end.
/// \source systemd, src/core/manager.c and service.c.
std::optional<notify_message> parse_notify(std::string_view datagram);

} // namespace subprocess::detail
