#pragma once

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
