#pragma once

#include <subprocess/capture_options.hpp>
#include <subprocess/command.hpp>

namespace subprocess::detail {

/// The command with the streams that the options ask for.
command capture_command(command what, const capture_options& options);

/// The command for a child to whose stdin nobody writes, and at whose terminal nobody
/// types: each is at its end.
command unattended(command what);

/// Whether it has one of these.
bool expects_somebody(const command& what) noexcept;

} // namespace subprocess::detail
