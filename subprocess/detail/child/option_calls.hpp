#pragma once

// The calls behind child_options, of this platform: see raw_calls.hpp.

#ifndef SUBPROCESS_POSIX
#include <subprocess/detail/child/linux/option_calls.hpp>
#else
#include <subprocess/detail/child/posix/option_calls.hpp>
#endif
