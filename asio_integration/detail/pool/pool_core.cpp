#include <asio_integration/detail/pool/pool_core.hpp>

#include <asio/execution_context.hpp>
#include <asio/query.hpp>

#include <mutex>
#include <vector>

#include <asio_integration/detail/pool/pool_supervisor.hpp>

namespace subprocess::detail {
namespace {

/// Tells the pools of a context of its end.
class pools_of_context final : public asio::execution_context::service {
public:
  using key_type = pools_of_context;
  static inline asio::execution_context::id id;

  explicit pools_of_context(asio::execution_context& context) : asio::execution_context::service(context) {}

  void add(const std::shared_ptr<pool_core>& pool)
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(pools_, [](const auto& known) { return known.expired(); });
    pools_.push_back(pool);
  }

private:
  void shutdown() override
  {
    std::unique_lock lock(mutex_);
    const auto pools = std::exchange(pools_, {});
    lock.unlock();
    for (const auto& known : pools)
      if (const auto pool = known.lock())
        pool->shut_down();
  }

  std::mutex mutex_;
  std::vector<std::weak_ptr<pool_core>> pools_;
};

} // namespace

pool_core::~pool_core() = default;

std::shared_ptr<pool_core> pool_core::make(const asio::any_io_executor& executor, command worker,
                                           worker_pool_options options)
{
  auto pool = std::make_shared<pool_supervisor>(executor, std::move(worker), std::move(options));
  asio::use_service<pools_of_context>(asio::query(executor, asio::execution::context)).add(pool);
  return pool;
}

} // namespace subprocess::detail
