#pragma once

#include <sys/time.h>

#include <string_view>

/// Writes one line to stdout at once.
void log(std::string_view line);

inline double seconds(const timeval& time)
{
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}
