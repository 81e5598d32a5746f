#pragma once

#include <csignal>

namespace subprocess::detail {

/// To be called when Asio has installed its handler of SIGCHLD: it does so with
/// no flags, and every blocking call of the host would fail with EINTR whenever
/// something happens to a child. SA_NOCLDSTOP stays off, since stopped children
/// are of interest.
inline void restart_interrupted_calls() noexcept
{
  struct sigaction action;
  if (::sigaction(SIGCHLD, nullptr, &action) == 0 && !(action.sa_flags & SA_RESTART)) {
    action.sa_flags |= SA_RESTART;
    ::sigaction(SIGCHLD, &action, nullptr);
  }
}

} // namespace subprocess::detail
