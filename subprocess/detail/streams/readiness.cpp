#include <subprocess/detail/streams/readiness.hpp>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/types.h> // fd_mask, on macOS.

#include <algorithm>
#include <cerrno>
#include <new>
#include <vector>

namespace subprocess::detail {
namespace {

/// An fd_set for numbers of any size, which select(2) takes though the type is for
/// FD_SETSIZE of them.
class large_set {
public:
  explicit large_set(int highest) : words_(static_cast<std::size_t>(highest / word_bits) + 1) {}

  void add(int fd) { word(fd) |= bit(fd); }
  bool has(int fd) { return (word(fd) & bit(fd)) != 0; }
  fd_set* get() { return reinterpret_cast<fd_set*>(words_.data()); }

private:
  static constexpr int word_bits = static_cast<int>(NFDBITS); // Of unsigned type on some systems.

  fd_mask& word(int fd) { return words_[static_cast<std::size_t>(fd / word_bits)]; }
  static fd_mask bit(int fd) { return static_cast<fd_mask>(1UL << (fd % word_bits)); }

  std::vector<fd_mask> words_;
};

int select_readable(std::span<pollfd> watched, int timeout, int& error)
{
  const int highest = std::ranges::max_element(watched, {}, &pollfd::fd)->fd;
  large_set readable(highest);
  for (const pollfd& one : watched)
    readable.add(one.fd);
  timeval time{timeout / 1000, timeout % 1000 * 1000};
  const int ready = ::select(highest + 1, readable.get(), nullptr, nullptr, timeout < 0 ? nullptr : &time);
  error = ready == -1 ? errno : 0;
  for (pollfd& one : watched)
    one.revents = ready > 0 && readable.has(one.fd) ? POLLIN : 0;
  return std::max(ready, 0);
}

} // namespace

int wait_until_ready(std::span<pollfd> watched, int timeout, int& error) noexcept
{
  const int ready = ::poll(watched.data(), static_cast<nfds_t>(watched.size()), timeout);
  error = ready == -1 ? errno : 0;
  if (error != EINVAL || watched.empty())
    return std::max(ready, 0);
  try {
    return select_readable(watched, timeout, error);
  } catch (const std::bad_alloc&) {
    error = ENOMEM;
    return 0;
  }
}

// select() tells of a hang-up as of something to read. It is one where there is
// nothing, and always where we can only write.
bool is_hung_up(int fd) noexcept
{
  pollfd watched{fd, 0, 0};
  const int ready = ::poll(&watched, 1, 0);
  if (ready != -1 || errno != EINVAL)
    return ready == 1;
  int ignored = 0;
  if (wait_until_ready({&watched, 1}, 0, ignored) == 0)
    return false;
  int unread = 0;
  return (::fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY || (::ioctl(fd, FIONREAD, &unread) == 0 && unread == 0);
}

} // namespace subprocess::detail
