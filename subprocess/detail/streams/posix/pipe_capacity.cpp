#include <subprocess/detail/streams/pipe_capacity.hpp>

#include <cerrno>

namespace subprocess::detail {

int set_pipe_capacity(int, std::size_t) noexcept
{
  return ENOSYS;
}

} // namespace subprocess::detail
