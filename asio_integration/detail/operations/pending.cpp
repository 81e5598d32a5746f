#include <asio_integration/detail/operations/pending.hpp>

#include <atomic>

namespace subprocess::detail {

std::uint64_t next_pending_id() noexcept
{
  static std::atomic<std::uint64_t> last = 0;
  return ++last;
}

} // namespace subprocess::detail
