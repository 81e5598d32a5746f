#pragma once

/// The event-loop half, and the core: everything there is. Links with
/// subprocess-asio.

#include <asio_integration/asio_integration.hpp>
