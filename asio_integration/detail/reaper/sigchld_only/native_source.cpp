#include <asio_integration/detail/reaper/wake_source.hpp>

namespace subprocess::detail {

std::unique_ptr<wake_source> make_native_source(const loop_executor&)
{
  return nullptr;
}

reaper_source native_source() noexcept
{
  return reaper_source::sigchld;
}

} // namespace subprocess::detail
