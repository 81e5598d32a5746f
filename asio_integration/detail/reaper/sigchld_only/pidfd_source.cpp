#include <asio_integration/detail/reaper/wake_source.hpp>

namespace subprocess::detail {

std::unique_ptr<wake_source> make_pidfd_source(const loop_executor&)
{
  return nullptr;
}

bool pidfd_supported() noexcept
{
  return false;
}

} // namespace subprocess::detail
