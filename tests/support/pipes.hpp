#pragma once

#include <string_view>

#include <subprocess/unique_fd.hpp>

namespace subprocess::tests {

struct pipe_ends {
  unique_fd read_end;
  unique_fd write_end;
};

/// A close-on-exec pipe, both ends at `lowest` or above.
pipe_ends make_pipe(int lowest = 3);

/// The read end of a pipe that holds `text` and then its end.
unique_fd pipe_with(std::string_view text, int lowest = 3);

/// A copy at `lowest` or above that an exec would leave open.
unique_fd inheritable_copy(int fd, int lowest);

/// The lowest number that is free now: the next descriptor made gets it.
int lowest_free();

} // namespace subprocess::tests
