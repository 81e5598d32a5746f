#include <subprocess/detail/process/wait_until.hpp>

#include <poll.h>

#include <algorithm>
#include <climits>

#include <subprocess/detail/process/poll_time.hpp>

namespace subprocess::detail {
void wait_until_ended(process& child, std::chrono::nanoseconds limit) noexcept
{
  using clock = std::chrono::steady_clock;
  const auto deadline = deadline_after(limit);
  pollfd watched{child.pidfd(), POLLIN, 0};
  // poll() takes no notice of -1: without pidfds it only sleeps, and the child
  // is looked at in growing steps.
  auto step = std::chrono::milliseconds(watched.fd == -1 ? 1 : INT_MAX);
  for (auto now = clock::now(); now < deadline; now = clock::now()) {
    if (::poll(&watched, 1, poll_timeout(std::min<clock::duration>(deadline - now, step))) > 0)
      return;
    if (watched.fd == -1) {
      if (child.try_reap() != process::state::running)
        return;
      step = std::min(2 * step, std::chrono::milliseconds(50));
    }
  }
}

} // namespace subprocess::detail
