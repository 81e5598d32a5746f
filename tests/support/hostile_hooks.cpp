#include "hostile_hooks.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace subprocess::tests {
namespace {

constexpr int most = 1024;

std::error_code close_from(int first)
{
  for (int fd = first; fd < most; ++fd)
    ::close(fd);
  return {};
}

std::error_code replace_by(int fd)
{
  for (int target = 3; target < most; ++target)
    if (target != fd)
      ::dup2(fd, target);
  return {};
}

std::error_code replace_by_null()
{
  return replace_by(::open("/dev/null", O_RDWR));
}

/// Files of the hook's own get the numbers, and look as the library's do.
std::error_code replace_by_others_close_on_exec()
{
  for (int fd = 3; fd < most; ++fd)
    if (::fcntl(fd, F_GETFD) != -1) {
      ::close(fd);
      ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    }
  return {};
}

/// Whoever writes to them is heard by nobody, and not ended by a signal either.
std::error_code replace_by_full_pipe()
{
  int ends[2];
  if (::pipe(ends) == -1)
    return {};
  ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
  const char block[4096] = {};
  while (::write(ends[1], block, sizeof block) > 0) {
  }
  ::dup2(ends[0], 0); // So that it has a reader.
  return replace_by(ends[1]);
}

/// The child that the parent knows is gone; a child of it goes on.
std::error_code fork_again()
{
  if (const pid_t other = ::fork())
    ::_exit(other == -1);
  ::setsid();
  return {};
}

} // namespace

const std::vector<hostile_hook>& hostile_hooks()
{
  static const std::vector<hostile_hook> all = {
      {"closes all but the standard streams", [] { return close_from(3); }},
      {"closes all", [] { return close_from(0); }},
      {"replaces all by /dev/null", replace_by_null},
      {"replaces all by a pipe that is full", replace_by_full_pipe},
      {"replaces all by others that are close-on-exec", replace_by_others_close_on_exec},
      {"forks again", fork_again, true},
      {"forks again and closes all", [] { return fork_again(), close_from(3); }},
      {"closes all and forks again", [] { return close_from(3), fork_again(); }},
      {"forks again and replaces all", [] { return fork_again(), replace_by_null(); }},
      {"forks twice", [] { return fork_again(), fork_again(); }, true},
  };
  return all;
}

} // namespace subprocess::tests
