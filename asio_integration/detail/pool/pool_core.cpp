#include <asio_integration/detail/pool/pool_core.hpp>

#include <asio/execution_context.hpp>
#include <asio/query.hpp>

#include <utility>

#include <asio_integration/detail/members_of_context.hpp>
#include <asio_integration/detail/pool/pool_supervisor.hpp>

namespace subprocess::detail {
pool_core::~pool_core() = default;

std::shared_ptr<pool_core> pool_core::make(const asio::any_io_executor& executor, command worker,
                                           worker_pool_options options)
{
  auto pool = std::make_shared<pool_supervisor>(executor, std::move(worker), std::move(options));
  asio::use_service<members_of_context<pool_core>>(asio::query(executor, asio::execution::context)).add(pool);
  return pool;
}

} // namespace subprocess::detail
