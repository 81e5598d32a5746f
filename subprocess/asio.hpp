#pragma once

/// The event-loop half, and the core: everything there is. Links with
/// subprocess-asio.

// Where this folder itself is in the include path, as in an uninstalled build,
// <asio.hpp> leads here. Asio's own is beside the folder of its headers.
#include <asio/../asio.hpp>

#include <asio_integration/asio_integration.hpp>
