#pragma once

#include <subprocess/capture_options.hpp>

namespace subprocess::detail {

/// What becomes of what a child writes to us.
enum class outputs {
  kept,    ///< Its stdout and stderr are pipes unless the command says otherwise.
  dropped, ///< They are the program's own unless the command says otherwise.
};

/// What is kept of a stream that is read so that its writer comes to its end.
inline capture_options nothing()
{
  return {.max_bytes = 0, .on_overflow = overflow::truncate};
}

} // namespace subprocess::detail
