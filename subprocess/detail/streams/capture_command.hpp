#pragma once

#include <subprocess/capture_options.hpp>
#include <subprocess/command.hpp>

namespace subprocess::detail {

/// The command with the streams that the options ask for.
command capture_command(command what, const capture_options& options);

/// The command for a child at whose terminal nobody types.
command unattended(command what);

/// Whether it has one.
bool has_terminal(const command& what) noexcept;

} // namespace subprocess::detail
