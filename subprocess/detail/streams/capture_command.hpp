#pragma once

#include <subprocess/capture_options.hpp>
#include <subprocess/command.hpp>

namespace subprocess::detail {

/// The command with the streams that the options ask for.
command capture_command(command what, const capture_options& options);

} // namespace subprocess::detail
