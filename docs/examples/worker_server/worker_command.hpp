#pragma once

#include <subprocess/command.hpp>

#include "options.hpp"

/// The worker that the options ask for. A file that they name is read at each call.
/// \throws std::invalid_argument  when it cannot be read.
subprocess::command worker_command(const server_options& options);
