#pragma once
#pragma GCC system_header // #include_next is known to all compilers, and to no standard.

/// The event-loop half, and the core: everything there is. Links with
/// subprocess-asio.

// Where this folder itself is in the include path, as in an uninstalled build,
// <asio.hpp> leads here.
#if __has_include_next(<asio.hpp>)
#include_next <asio.hpp>
#endif

#include <asio_integration/asio_integration.hpp>
