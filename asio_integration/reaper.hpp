#pragma once

#include <asio/execution_context.hpp>

#include <iosfwd>
#include <string_view>
#include <system_error>

namespace subprocess {

/// What wakes the reaper of an execution context when a child ends.
enum class reaper_source {
  automatic, ///< pidfd or kqueue where the kernel has it, else sigchld.
  sigchld,   ///< SIGCHLD, through asio::signal_set. It replaces a plain handler
             ///< of the host and lives beside other signal_sets.
  pidfd,     ///< A descriptor for each child. Touches no signal disposition.
  kqueue,    ///< One for all children, on FreeBSD, NetBSD and macOS. The same.
};

/// "sigchld", "pidfd": as the enumerator is written.
std::string_view to_string(reaper_source source) noexcept;
std::ostream& operator<<(std::ostream& out, reaper_source source);

/// Chooses the source for a context, before its first spawn.
///
/// \param ec  `EBUSY`: the context has a reaper already, of another source.
///            `ENOSYS`: this kernel has no pidfds, or no kqueue.
///
/// Thread safety: safe.
void use_reaper(asio::execution_context& context, reaper_source source);
void use_reaper(asio::execution_context& context, reaper_source source, std::error_code& ec);

/// The source in use, or what a spawn would choose now; never `automatic`.
///
/// Thread safety: safe.
reaper_source reaper_in_use(asio::execution_context& context);

} // namespace subprocess
