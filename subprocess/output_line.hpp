#pragma once

#include <string>

namespace subprocess {

/// Which of a child's streams.
enum class output_stream { out, err };

/// A line that a child wrote, without what ended it.
struct output_line {
  output_stream which = output_stream::out;
  std::string text;
};

} // namespace subprocess
