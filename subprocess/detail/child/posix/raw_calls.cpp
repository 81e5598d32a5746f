#include <subprocess/detail/child/raw_calls.hpp>

#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdio>

namespace subprocess::detail::raw {
namespace {

// poll() tells of many numbers at once which are open; sysconf() would tell of
// millions that may be.
template <class Action>
void for_each_open(unsigned first, unsigned last, Action act) noexcept
{
  constexpr unsigned batch = 256;
  ::rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const auto end = static_cast<unsigned>(
      std::min<unsigned long long>({static_cast<unsigned long long>(limit.rlim_cur), INT_MAX, last + 1ULL}));
  for (unsigned from = first; from < end; from += batch) {
    pollfd asked[batch];
    const unsigned count = std::min(batch, end - from);
    for (unsigned i = 0; i < count; ++i)
      asked[i] = {static_cast<int>(from + i), 0, 0};
    const int result = ::poll(asked, count, 0);
    for (unsigned i = 0; i < count; ++i)
      if (result == -1 || !(asked[i].revents & POLLNVAL))
        act(asked[i].fd);
  }
}

long write_all(int fd, const char* text, std::size_t size) noexcept
{
  while (size > 0) {
    const long written = write(fd, text, size);
    if (written < 0 && written != -EINTR)
      return written;
    if (written > 0) {
      text += written;
      size -= static_cast<std::size_t>(written);
    }
  }
  return 0;
}

// TMPDIR is not heeded: a program that runs with other rights than its caller must
// not write where that one says.
struct temporary_name {
  char text[sizeof P_tmpdir + 40] = P_tmpdir "/subprocess.";

  temporary_name(long process, unsigned attempt) noexcept
  {
    char* end = text + sizeof P_tmpdir "/subprocess." - 1;
    for (unsigned long left = static_cast<unsigned long>(process) * 1000 + attempt; left > 0; left /= 10)
      *end++ = static_cast<char>('0' + left % 10);
    *end = '\0';
  }
};

// Opened a second time to be read: a child cannot write to its stdin.
long fill_and_reopen(int file, const char* name, const char* text, std::size_t size) noexcept
{
  const long result = write_all(file, text, size);
  return result < 0 ? result : open_file(name, O_RDONLY);
}

} // namespace

long open_file(const char* path, int flags) noexcept
{
  long fd;
  do
    fd = result_of(::open(path, flags | O_CLOEXEC | O_NOCTTY, 0666));
  while (fd == -EINTR);
  return fd;
}

// Above the limit of file sizes a write raises SIGXFSZ, which is blocked here, and
// fails with EFBIG.
long make_text_file(const char* text, std::size_t size) noexcept
{
  long file = -EEXIST;
  for (unsigned attempt = 0; file == -EEXIST && attempt < 1000; ++attempt) {
    const temporary_name name(::getpid(), attempt);
    file = result_of(::open(name.text, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (file < 0)
      continue;
    const int filled = static_cast<int>(file);
    file = fill_and_reopen(filled, name.text, text, size);
    ::unlink(name.text);
    ::close(filled);
    return file;
  }
  return file;
}

file_identity identity_of(int fd) noexcept
{
  struct stat info;
  return ::fstat(fd, &info) == 0 ? file_identity{info.st_dev, info.st_ino} : file_identity{};
}

void make_blocking(int fd) noexcept
{
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags != -1 && (flags & O_NONBLOCK))
    ::fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

void close_range(unsigned first, unsigned last) noexcept
{
  for_each_open(first, last, [](int fd) { close(fd); });
}

void close_range_on_exec(unsigned first, unsigned last) noexcept
{
  for_each_open(first, last, [](int fd) { set_close_on_exec(fd); });
}

} // namespace subprocess::detail::raw
