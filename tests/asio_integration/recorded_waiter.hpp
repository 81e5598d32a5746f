#pragma once

#include <asio_integration/detail/reaper/reap_table.hpp>

namespace subprocess::tests {

/// A waiter that only tells what happened to it.
class recorded_waiter final : public detail::waiter {
public:
  void complete(std::error_code e, exit_status s) noexcept override
  {
    ++completed;
    ec = e;
    status = s;
  }
  void abandon() noexcept override { ++abandoned; }

  int completed = 0;
  int abandoned = 0;
  std::error_code ec;
  exit_status status;
};

} // namespace subprocess::tests
