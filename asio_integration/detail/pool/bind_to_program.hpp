#pragma once

#include <subprocess/command.hpp>

namespace subprocess::detail {

/// Lets a worker end with the program, where the system knows how.
void bind_to_program(command& worker);

} // namespace subprocess::detail
