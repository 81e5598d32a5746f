#include <subprocess/detail/child/raw_calls.hpp>

#include <linux/futex.h>
#include <poll.h>
#include <sys/mman.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstdio>

#include <subprocess/detail/child/child_report.hpp>

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

// A descriptor that is closed while the directory is read leaves the others in
// the list.
template <class Action>
bool for_each_listed(unsigned first, unsigned last, Action act) noexcept
{
  const long directory = call(SYS_openat, AT_FDCWD, address("/proc/self/fd"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0)
    return false;
  alignas(directory_entry) char buffer[2048];
  long size;
  while ((size = call(SYS_getdents64, directory, address(buffer), sizeof buffer)) > 0)
    for (long at = 0; at < size;) {
      const auto& entry = *reinterpret_cast<const directory_entry*>(buffer + at);
      const long fd = number_in(entry.name);
      if (fd != directory && fd >= static_cast<long>(first) && fd <= static_cast<long>(last))
        act(static_cast<int>(fd));
      at += entry.size;
    }
  close(static_cast<int>(directory));
  return size == 0;
}

std::uint64_t descriptor_limit() noexcept
{
  struct { // rlimit64
    std::uint64_t soft;
    std::uint64_t hard;
  } limit{INT_MAX, 0};
  call(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, address(&limit));
  return limit.soft < INT_MAX ? limit.soft : INT_MAX;
}

// Without /proc: ppoll() tells of many numbers at once which are open.
template <class Action>
void for_each_polled(unsigned first, unsigned last, Action act) noexcept
{
  constexpr unsigned batch = 256;
  pollfd asked[batch];
  const timespec at_once{0, 0};
  const std::uint64_t end = descriptor_limit() < last ? descriptor_limit() : std::uint64_t(last) + 1;
  for (std::uint64_t from = first; from < end; from += batch) {
    const unsigned count = end - from < batch ? static_cast<unsigned>(end - from) : batch;
    for (unsigned i = 0; i < count; ++i) {
      asked[i].fd = static_cast<int>(from + i);
      asked[i].events = 0;
      asked[i].revents = 0;
    }
    const long result = call(SYS_ppoll, address(asked), count, address(&at_once), 0, 0);
    for (unsigned i = 0; i < count; ++i)
      if (result < 0 || !(asked[i].revents & POLLNVAL))
        act(asked[i].fd);
  }
}

template <class Action>
void for_each_open(unsigned first, unsigned last, Action act) noexcept
{
  if (!for_each_listed(first, last, act))
    for_each_polled(first, last, act);
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

// Sealed: a child that writes to its stdin gets EPERM, and does not read its own
// words. memfd_create(2), Linux 3.17; a sandbox may refuse it.
long seal(int fd) noexcept
{
  return call(SYS_fcntl, fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
}

// Opened a second time to be read, by a name that only this process knows it by.
long reopened(int fd) noexcept
{
  char path[] = "/proc/self/fd/\0\0\0\0\0\0\0\0\0\0";
  char digits[12];
  int count = 0;
  for (int left = fd; left > 0 || count == 0; left /= 10)
    digits[count++] = static_cast<char>('0' + left % 10);
  for (char* end = path + sizeof "/proc/self/fd/" - 1; count > 0;)
    *end++ = digits[--count];
  return open_file(path, O_RDONLY);
}

long without_name(const char* text, std::size_t size) noexcept
{
  // TMPDIR is not heeded: a program that runs with other rights than its caller
  // must not write where that one says.
  const long file = call(SYS_openat, AT_FDCWD, address(P_tmpdir), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file < 0)
    return file;
  const long result = write_all(static_cast<int>(file), text, size);
  const long readable = result < 0 ? result : reopened(static_cast<int>(file));
  close(static_cast<int>(file));
  return readable;
}

long in_memory(const char* text, std::size_t size) noexcept
{
  const long file = call(SYS_memfd_create, address("stdin"), MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (file < 0)
    return file == -EMFILE || file == -ENFILE || file == -ENOMEM ? file : without_name(text, size);
  const int fd = static_cast<int>(file);
  long result = write_all(fd, text, size);
  if (result == 0)
    result = call(SYS_lseek, fd, 0, SEEK_SET);
  if (result == 0)
    result = seal(fd);
  if (result == 0)
    return fd;
  close(fd);
  return result;
}

} // namespace

long open_file(const char* path, int flags) noexcept
{
  long fd;
  do
    fd = call(SYS_openat, AT_FDCWD, address(path), flags | O_CLOEXEC | O_NOCTTY, 0666);
  while (fd == -EINTR);
  return fd;
}

// The limit of file sizes is for what the program writes. Above it a write raises
// SIGXFSZ, which is blocked here, and fails with EFBIG.
long make_text_file(const char* text, std::size_t size) noexcept
{
  struct { // rlimit64
    std::uint64_t soft;
    std::uint64_t hard;
  } limit{}, none{~0ULL, ~0ULL};
  call(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, address(&limit));
  const bool too_low = limit.soft < size;
  if (too_low && call(SYS_prlimit64, 0, RLIMIT_FSIZE, address(&none), 0) < 0) { // Takes a privilege.
    none.soft = none.hard = limit.hard;
    call(SYS_prlimit64, 0, RLIMIT_FSIZE, address(&none), 0);
  }
  const long file = in_memory(text, size);
  if (too_low)
    call(SYS_prlimit64, 0, RLIMIT_FSIZE, address(&limit), 0);
  return file;
}

// A sandbox that does not know dup3() knows fcntl(), which takes the lowest free
// number: in a table that nobody else uses, the one that was just closed.
long dup_onto(int from, int to) noexcept
{
  const long result = call(SYS_dup3, from, to, 0);
  if (result != -ENOSYS && result != -EPERM)
    return result;
  if (const long missing = descriptor_flags(from); missing < 0)
    return missing;
  close(to);
  const long got = call(SYS_fcntl, from, F_DUPFD, to);
  if (got == to || got < 0)
    return got == -EINVAL ? -EBADF : got; // Beyond the limit.
  close(static_cast<int>(got));
  return -EBUSY;
}

// libc's structure is the kernel's on these processors.
file_identity identity_of(int fd) noexcept
{
  struct stat info;
  return call(SYS_fstat, fd, address(&info)) == 0 ? file_identity{info.st_dev, info.st_ino} : file_identity{};
}

void make_blocking(int fd) noexcept
{
  const long flags = call(SYS_fcntl, fd, F_GETFL);
  if (flags >= 0 && (flags & O_NONBLOCK))
    call(SYS_fcntl, fd, F_SETFL, flags & ~O_NONBLOCK);
}

void wake(std::atomic<unsigned>& word) noexcept
{
  call(SYS_futex, address(&word), FUTEX_WAKE, INT_MAX);
}

void mark_at_release(child_report& report) noexcept
{
  report.robust_list.list.next = &report.robust_entry;
  report.robust_list.offset = reinterpret_cast<char*>(&report.word) - reinterpret_cast<char*>(&report.robust_entry);
  report.robust_list.pending = nullptr;
  report.robust_entry.next = &report.robust_list.list;
  report.word = static_cast<unsigned>(call(SYS_gettid)) | FUTEX_WAITERS;
  report.is_robust = call(SYS_set_robust_list, address(&report.robust_list), sizeof report.robust_list) == 0;
}

// Linux 5.9; a sandbox may refuse it.
void close_range(unsigned first, unsigned last) noexcept
{
  if (call(SYS_close_range, first, last, 0) < 0)
    for_each_open(first, last, [](int fd) { close(fd); });
}

// Linux 5.9; a sandbox may refuse it, but knows unshare().
long unshare_descriptors(unsigned first) noexcept
{
  if (call(SYS_close_range, first, ~0U, CLOSE_RANGE_UNSHARE) == 0)
    return 0;
  const long result = call(SYS_unshare, CLONE_FILES);
  if (result == 0)
    close_range(first, ~0U);
  return result;
}

// CLOSE_RANGE_CLOEXEC came with Linux 5.11; a sandbox may refuse what it does
// not know.
void close_range_on_exec(unsigned first, unsigned last) noexcept
{
  if (call(SYS_close_range, first, last, CLOSE_RANGE_CLOEXEC) < 0)
    for_each_open(first, last, [](int fd) { set_close_on_exec(fd); });
}

} // namespace subprocess::detail::raw
