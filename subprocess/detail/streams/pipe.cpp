#include <subprocess/detail/streams/pipe.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include <subprocess/detail/streams/new_descriptors.hpp>

namespace subprocess::detail {

// Where the limit is not above the lowest number, the kernel says EINVAL: fcntl(2).
int lift(unique_fd& fd, int lowest) noexcept
{
  if (fd.get() >= lowest)
    return 0;
  const int lifted = ::fcntl(fd.get(), F_DUPFD_CLOEXEC, lowest);
  const int error = lifted == -1 ? errno : 0;
  fd.reset(lifted);
  return error == EINVAL ? EMFILE : error;
}

standard_numbers::standard_numbers() noexcept
{
  for (unique_fd& held : held_) {
    held.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (held.get() > 2)
      held.reset();
    if (!held)
      return;
  }
}

int make_pipe(unique_fd& read_end, unique_fd& write_end, int flags) noexcept
{
  int ends[2];
  if (const int error = new_pipe(ends, flags))
    return error;
  read_end.reset(ends[0]);
  write_end.reset(ends[1]);
  if (const int error = lift(read_end, 3))
    return error;
  return lift(write_end, 3);
}

int make_socket_pair(unique_fd& one, unique_fd& other) noexcept
{
  int ends[2];
  if (const int error = new_socket_pair(ends))
    return error;
  one.reset(ends[0]);
  other.reset(ends[1]);
  if (const int error = lift(one, 3))
    return error;
  return lift(other, 3);
}

int open_file(const char* path, int flags, unique_fd& file) noexcept
{
  int fd;
  int error = 0;
  do {
    fd = ::open(path, flags | O_CLOEXEC, 0666);
    error = fd == -1 ? errno : 0;
  } while (error == EINTR);
  file.reset(fd);
  return error ? error : lift(file, 3);
}

} // namespace subprocess::detail
