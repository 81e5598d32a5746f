#pragma once

#include <asio/execution_context.hpp>

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace subprocess::detail {

/// Tells what belongs to a context of its end, by `shut_down()`, and keeps nothing of it
/// alive.
template <class Member>
class members_of_context final : public asio::execution_context::service {
public:
  using key_type = members_of_context;
  static inline asio::execution_context::id id;

  explicit members_of_context(asio::execution_context& context) : asio::execution_context::service(context) {}

  void add(const std::shared_ptr<Member>& added)
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(members_, [](const auto& known) { return known.expired(); });
    members_.push_back(added);
  }

private:
  void shutdown() override
  {
    std::unique_lock lock(mutex_);
    const auto members = std::exchange(members_, {});
    lock.unlock(); // A handler that goes with its operation may call back.
    for (const auto& known : members)
      if (const auto member = known.lock())
        member->shut_down();
  }

  std::mutex mutex_;
  std::vector<std::weak_ptr<Member>> members_;
};

} // namespace subprocess::detail
