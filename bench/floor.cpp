#include "floor.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

extern char** environ;

namespace {

[[gnu::noinline]] pid_t start(const char* const* argv, int stdout_fd)
{
  const pid_t pid = ::vfork();
  if (pid == 0) {
    if (stdout_fd != -1)
      ::dup2(stdout_fd, 1);
    ::execve(argv[0], const_cast<char* const*>(argv), environ);
    ::_exit(127);
  }
  return pid;
}

} // namespace

void vfork_and_wait(const char* program)
{
  const char* const argv[] = {program, nullptr};
  int status;
  ::waitpid(start(argv, -1), &status, 0);
}

std::size_t vfork_and_read(std::initializer_list<const char*> words)
{
  std::vector<const char*> argv(words);
  argv.push_back(nullptr);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) == -1)
    return 0;
  const pid_t pid = start(argv.data(), ends[1]);
  ::close(ends[1]);
  std::vector<char> text;
  std::size_t size = 0;
  ssize_t got;
  do {
    text.resize(size + 65536);
    got = ::read(ends[0], text.data() + size, 65536);
    size += got > 0 ? static_cast<std::size_t>(got) : 0;
  } while (got > 0);
  ::close(ends[0]);
  int status;
  ::waitpid(pid, &status, 0);
  return size;
}
