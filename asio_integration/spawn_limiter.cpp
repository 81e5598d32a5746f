#include <asio_integration/spawn_limiter.hpp>

#include <algorithm>

namespace subprocess {

spawn_limiter::spawn_limiter(event_loop loop, std::size_t most)
    : executor_(loop.get_executor()),
      pool_(detail::permit_pool::make(asio::query(executor_, asio::execution::context), std::max<std::size_t>(most, 1)))
{
}

spawn_limiter::~spawn_limiter()
{
  pool_->close();
}

} // namespace subprocess
