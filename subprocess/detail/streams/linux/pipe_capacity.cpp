#include <subprocess/detail/streams/pipe_capacity.hpp>

#include <fcntl.h>

#include <cerrno>
#include <climits>

namespace subprocess::detail {

int set_pipe_capacity(int pipe, std::size_t bytes) noexcept
{
  if (bytes > INT_MAX)
    return EINVAL;
  return ::fcntl(pipe, F_SETPIPE_SZ, static_cast<int>(bytes)) == -1 ? errno : 0;
}

} // namespace subprocess::detail
