#pragma once

#include <string_view>

// The version of these headers, which is that of the library they came with. The
// build checks that it is what meson.build says. Nothing but numbers here: it can be
// included anywhere, and asked by the preprocessor.

#define SUBPROCESS_VERSION_MAJOR 0
#define SUBPROCESS_VERSION_MINOR 1
#define SUBPROCESS_VERSION_PATCH 0

/// As one number that grows with the version: 0.1.0 is 100, 1.2.3 is 10203.
#define SUBPROCESS_VERSION                                                                                             \
  (SUBPROCESS_VERSION_MAJOR * 10000 + SUBPROCESS_VERSION_MINOR * 100 + SUBPROCESS_VERSION_PATCH)

#define SUBPROCESS_VERSION_STRING "0.1.0"

namespace subprocess {

/// The three parts of the version.
inline constexpr int version_major = SUBPROCESS_VERSION_MAJOR;
inline constexpr int version_minor = SUBPROCESS_VERSION_MINOR;
inline constexpr int version_patch = SUBPROCESS_VERSION_PATCH;

/// "0.1.0".
inline constexpr std::string_view version_string = SUBPROCESS_VERSION_STRING;

} // namespace subprocess
