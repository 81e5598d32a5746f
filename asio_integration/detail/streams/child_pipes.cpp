#include <asio_integration/detail/streams/child_pipes.hpp>

#include <asio/system_executor.hpp>

#include <atomic>
#include <memory>

#include <subprocess/detail/made_once.hpp>

namespace subprocess::detail {

asio::io_context& nowhere()
{
  static constinit std::atomic<asio::io_context*> context = nullptr;
  return made_once(context, [] { return std::make_unique<asio::io_context>(); });
}

asio::any_io_executor systems_executor()
{
  return asio::system_executor();
}

} // namespace subprocess::detail
