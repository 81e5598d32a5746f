#include <subprocess/detail/process/wait_until.hpp>

#include <algorithm>
#include <cerrno>
#include <climits>

#include <subprocess/detail/process/poll_time.hpp>
#include <subprocess/detail/streams/readiness.hpp>

namespace subprocess::detail {

// Where nothing tells of the end, this only sleeps, and the child is looked at in
// growing steps.
void wait_until_ended(process& child, std::chrono::nanoseconds limit) noexcept
{
  using clock = std::chrono::steady_clock;
  const auto deadline = deadline_after(limit);
  const pidfd_use end(child);
  pollfd watched{end.get(), POLLIN, 0};
  bool blind = watched.fd == -1;
  auto step = std::chrono::milliseconds(1);
  for (auto now = clock::now(); now < deadline; now = clock::now()) {
    const auto left = blind ? std::min<clock::duration>(deadline - now, step) : deadline - now;
    int error = 0;
    if (wait_until_ready({&watched, blind ? 0u : 1u}, poll_timeout(left), error) > 0)
      return;
    if (blind) {
      if (child.try_reap() != process::state::running)
        return;
      step = std::min(2 * step, std::chrono::milliseconds(50));
    }
    blind |= error != 0 && error != EINTR;
  }
}

} // namespace subprocess::detail
