#include <asio_integration/detail/streams/child_pipes.hpp>

#include <asio/system_executor.hpp>

#include <atomic>
#include <memory>
#include <system_error>

#include <asio_integration/detail/asio_internals.hpp>
#include <subprocess/detail/made_once.hpp>
#include <subprocess/detail/streams/pipe.hpp>

namespace subprocess::detail {
namespace {

// None of Asio's descriptors is to get the number of a standard stream. Should there be
// none to be had, whoever makes an I/O object there is told.
std::unique_ptr<asio::io_context> make_nowhere()
{
  auto made = std::make_unique<asio::io_context>();
  const standard_numbers not_for_asio;
  try {
    make_reactor(*made);
  } catch (const std::system_error&) {
  }
  return made;
}

} // namespace

asio::io_context& nowhere()
{
  static constinit std::atomic<asio::io_context*> context = nullptr;
  return made_once(context, make_nowhere);
}

asio::any_io_executor systems_executor()
{
  return asio::system_executor();
}

} // namespace subprocess::detail
