#pragma once

#include <asio/any_io_executor.hpp>

#include <cstddef>
#include <iterator>
#include <vector>

#include <asio_integration/detail/reaper/tracked_child.hpp>

namespace subprocess::detail {

/// One child of several that are waited for, and where its waits belong.
struct awaited_child {
  tracked_child child;
  asio::any_io_executor executor;
};

template <class Range>
std::vector<awaited_child> awaited_children(Range& range)
{
  std::vector<awaited_child> all;
  if constexpr (requires { std::ranges::size(range); })
    all.reserve(static_cast<std::size_t>(std::ranges::size(range)));
  for (auto& child : range)
    all.push_back({child.tracked(), asio::any_io_executor(child.get_executor())});
  return all;
}

/// Of all together: the first one's; without children the system's.
asio::any_io_executor executor_of(const std::vector<awaited_child>& children);

} // namespace subprocess::detail
