#include "raw_calls.hpp"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstring>

namespace subprocess::detail::raw {
namespace {

struct directory_entry { // getdents64(2)
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t size;
  std::uint8_t type;
  char name[1];
};

// The number in a name of /proc/self/fd; -1 for "." and "..".
long number_in(const char* name) noexcept
{
  long value = *name ? 0 : -1;
  for (; *name && value >= 0; ++name)
    value = *name >= '0' && *name <= '9' ? value * 10 + (*name - '0') : -1;
  return value;
}

long mark_listed(unsigned first, unsigned last) noexcept
{
  const long directory = call(SYS_openat, AT_FDCWD, address("/proc/self/fd"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0)
    return directory;
  alignas(directory_entry) char buffer[2048];
  long size;
  while ((size = call(SYS_getdents64, directory, address(buffer), sizeof buffer)) > 0)
    for (long at = 0; at < size;) {
      const char* entry = buffer + at;
      const long fd = number_in(entry + offsetof(directory_entry, name));
      if (fd >= static_cast<long>(first) && fd <= static_cast<long>(last))
        set_close_on_exec(static_cast<int>(fd));
      std::uint16_t step;
      std::memcpy(&step, entry + offsetof(directory_entry, size), sizeof step);
      at += step;
    }
  call(SYS_close, directory);
  return size;
}

} // namespace

// Linux 5.9; a sandbox may refuse it, but knows unshare().
long unshare_descriptors(unsigned first) noexcept
{
  const long result = call(SYS_close_range, first, ~0U, CLOSE_RANGE_UNSHARE);
  return result == 0 ? result : call(SYS_unshare, CLONE_FILES);
}

// CLOSE_RANGE_CLOEXEC came with Linux 5.11; a sandbox may refuse what it does
// not know. The list in /proc is next, and every number there is comes last.
long close_range_on_exec(unsigned first, unsigned last) noexcept
{
  if (call(SYS_close_range, first, last, CLOSE_RANGE_CLOEXEC) == 0)
    return 0;
  if (mark_listed(first, last) == 0)
    return 0;
  struct { // rlimit64
    std::uint64_t soft;
    std::uint64_t hard;
  } limit{};
  call(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, address(&limit));
  const auto end = static_cast<unsigned>(std::min<std::uint64_t>(limit.soft, unsigned{INT_MAX}));
  for (unsigned fd = first; fd <= last && fd < end; ++fd)
    set_close_on_exec(static_cast<int>(fd));
  return 0;
}

} // namespace subprocess::detail::raw
