#pragma once

// The system calls between fork and exec, of this platform. The build picks it;
// where there is none, and a host compiles the library itself, its compiler does.

#ifndef SUBPROCESS_POSIX
#include <subprocess/detail/child/linux/raw_calls.hpp>
#else
#include <subprocess/detail/child/posix/raw_calls.hpp>
#endif
