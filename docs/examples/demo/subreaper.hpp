#pragma once

#include <poll.h>
#include <sys/wait.h>

#include <cerrno>
#include <chrono>

#ifdef __linux__
#include <sys/prctl.h>
#endif

/// From now on, orphaned descendants become this program's children, so that it
/// can see whether there are any. Linux only; elsewhere they are init's.
inline void become_subreaper()
{
#ifdef __linux__
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
#endif
}

/// Whether no child is left, dead or alive, or the last one ends in that time.
inline bool no_child_is_left(std::chrono::milliseconds in_time)
{
  const auto limit = std::chrono::steady_clock::now() + in_time;
  pid_t one = 0;
  while ((one = ::waitpid(-1, nullptr, WNOHANG)) == 0 && std::chrono::steady_clock::now() < limit)
    ::poll(nullptr, 0, 1);
  return one > 0 ? no_child_is_left(in_time) : one == -1 && errno == ECHILD;
}
