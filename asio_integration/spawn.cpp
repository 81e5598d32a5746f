#include <asio_integration/spawn.hpp>

#include <asio_integration/detail/launch/start_child.hpp>

namespace subprocess {

async_child spawn(const asio::any_io_executor& executor, const command& what, spawn_failure& failure)
{
  return detail::start_child(executor, what, detail::stream_defaults::inherit(), failure);
}

async_child spawn(const asio::any_io_executor& executor, const command& what, std::error_code& ec)
{
  spawn_failure failure;
  async_child started = spawn(executor, what, failure);
  ec = failure.code;
  return started;
}

async_child spawn(const asio::any_io_executor& executor, const command& what)
{
  spawn_failure failure;
  async_child started = spawn(executor, what, failure);
  if (failure)
    throw spawn_error(std::move(failure));
  return started;
}

} // namespace subprocess
