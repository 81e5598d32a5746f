#include <asio_integration/spawn_limiter.hpp>

#include <algorithm>

namespace subprocess {

spawn_limiter::spawn_limiter(const asio::any_io_executor& executor, std::size_t most)
    : executor_(executor),
      pool_(detail::permit_pool::make(asio::query(executor, asio::execution::context), std::max<std::size_t>(most, 1)))
{
}

spawn_limiter::~spawn_limiter()
{
  pool_->close();
}

} // namespace subprocess
