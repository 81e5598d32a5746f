#include "early_ends.hpp"

#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace {

std::atomic<bool> is_on = false;
std::atomic<unsigned> reads = 0;

bool has_more(int fd)
{
  pollfd terminal{fd, POLLIN, 0};
  return ::poll(&terminal, 1, 0) == 1 && (terminal.revents & POLLIN);
}

} // namespace

// The library's calls come here, and Asio's.
extern "C" ssize_t read(int fd, void* data, size_t size)
{
  if (is_on && ::isatty(fd) == 1 && has_more(fd) && reads++ % 2 == 0) {
    errno = EIO;
    return -1;
  }
  const iovec all{data, size};
  return ::readv(fd, &all, 1);
}

namespace subprocess::tests {

early_ends::early_ends()
{
  reads = 0;
  is_on = true;
}

early_ends::~early_ends()
{
  is_on = false;
}

unsigned early_ends::told() const
{
  return (reads + 1) / 2;
}

} // namespace subprocess::tests
