#pragma once

// A kernel of one table of descriptors, in place of the system calls that the child makes.

#include <fcntl.h>
#include <sys/types.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <map>

#include <subprocess/detail/child/child_plan.hpp>

namespace subprocess::detail {
struct child_report;
}

namespace subprocess::detail::raw {

struct description {
  int file;
  bool close_on_exec;
  bool blocking = false;
};

inline std::map<int, description> table;
inline int limit = 16; ///< RLIMIT_NOFILE.

inline bool is_open(int fd)
{
  return table.contains(fd);
}

inline long dup_above(int from, int lowest) noexcept
{
  if (!is_open(from))
    return -EBADF;
  int free = lowest;
  while (is_open(free))
    ++free;
  if (free >= limit)
    return -EMFILE;
  table[free] = {table[from].file, true};
  return free;
}
inline long dup_onto(int from, int to) noexcept
{
  if (!is_open(from) || to >= limit)
    return -EBADF;
  if (from != to)
    table[to] = {table[from].file, false};
  return to;
}
inline long close(int fd) noexcept
{
  return table.erase(fd) ? 0 : -EBADF;
}
inline long flag(int fd, bool close_on_exec) noexcept
{
  if (!is_open(fd))
    return -EBADF;
  table[fd].close_on_exec = close_on_exec;
  return 0;
}
inline long clear_close_on_exec(int fd) noexcept
{
  return flag(fd, false);
}
inline long set_close_on_exec(int fd) noexcept
{
  return flag(fd, true);
}
inline long descriptor_flags(int fd) noexcept
{
  return is_open(fd) ? (table[fd].close_on_exec ? FD_CLOEXEC : 0) : -EBADF;
}
inline void make_blocking(int fd) noexcept
{
  table[fd].blocking = true;
}
inline void close_range(unsigned first, unsigned last) noexcept
{
  std::erase_if(table, [&](const auto& one) {
    return static_cast<unsigned>(one.first) >= first && static_cast<unsigned>(one.first) <= last;
  });
}
inline void close_range_on_exec(unsigned first, unsigned last) noexcept
{
  for (auto& [fd, what] : table)
    if (static_cast<unsigned>(fd) >= first && static_cast<unsigned>(fd) <= last)
      what.close_on_exec = true;
}
inline long unshare_descriptors(unsigned first) noexcept
{
  close_range(first, ~0U);
  return 0;
}
inline void wake(std::atomic<unsigned>&) noexcept
{
}
inline long open_file(const char*, int) noexcept
{
  return -ENOSYS;
}
inline long make_text_file(const char*, std::size_t) noexcept
{
  return -ENOSYS;
}

} // namespace subprocess::detail::raw
