#pragma once

#include <system_error>

#include <subprocess/exit_status.hpp>

namespace subprocess {

/// How waiting for one child of several ended.
///
/// A plain value.
struct wait_result {
  std::error_code error;
  exit_status status; ///< Unknown when there is an error.

  friend bool operator==(const wait_result&, const wait_result&) = default;
};

} // namespace subprocess
