#include <asio_integration/detail/streams/child_pipes.hpp>

namespace subprocess::detail {

asio::io_context& nowhere()
{
  static asio::io_context* const context = new asio::io_context;
  return *context;
}

} // namespace subprocess::detail
