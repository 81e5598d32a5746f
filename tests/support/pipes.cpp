#include "pipes.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "deadline.hpp"

namespace subprocess::tests {
namespace {

int checked(int fd)
{
  if (fd == -1)
    throw std::system_error(errno, std::system_category(), "a descriptor for the test");
  return fd;
}

} // namespace

pipe_ends make_pipe(int lowest)
{
  int ends[2];
  checked(::pipe2(ends, O_CLOEXEC));
  const unique_fd read_end(ends[0]);
  const unique_fd write_end(ends[1]);
  return {unique_fd(checked(::fcntl(ends[0], F_DUPFD_CLOEXEC, lowest))),
          unique_fd(checked(::fcntl(ends[1], F_DUPFD_CLOEXEC, lowest)))};
}

unique_fd pipe_with(std::string_view text, int lowest)
{
  pipe_ends ends = make_pipe(lowest);
  write_all(ends.write_end.get(), text);
  return std::move(ends.read_end);
}

unique_fd inheritable_copy(int fd, int lowest)
{
  return unique_fd(checked(::fcntl(fd, F_DUPFD, lowest)));
}

int lowest_free()
{
  const unique_fd probe(checked(::open("/dev/null", O_RDONLY | O_CLOEXEC)));
  return probe.get();
}

} // namespace subprocess::tests
