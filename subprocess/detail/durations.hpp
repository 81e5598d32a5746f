#pragma once

// The durations and clocks of std::chrono. <chrono> itself has calendars, time zones and
// streams too since C++20, and takes a compiler longer than all else that a program needs
// to run a command. What <mutex> declares takes durations, and libstdc++ (12 and 16 were
// looked at) defines these and the clocks there, without the rest.
#include <version>

#ifdef __GLIBCXX__
#include <mutex>
#else
#include <chrono>
#endif
