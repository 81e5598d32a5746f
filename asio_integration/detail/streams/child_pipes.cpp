#include <asio_integration/detail/streams/child_pipes.hpp>

#include <asio/system_executor.hpp>

namespace subprocess::detail {

asio::io_context& nowhere()
{
  static asio::io_context* const context = new asio::io_context;
  return *context;
}

asio::any_io_executor systems_executor()
{
  return asio::system_executor();
}

} // namespace subprocess::detail
