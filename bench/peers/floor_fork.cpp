// The portable floor: fork() with a close-on-exec pipe that tells of a failed
// exec, as most libraries do it, and nothing more.

#include "raw_child.hpp"

struct fork_launcher {
  bench::launched launch(char* const* argv, int stdout_fd)
  {
    std::array<int, 2> errors{};
    bench::require(::pipe2(errors.data(), O_CLOEXEC) == 0, "pipe2");
    const pid_t pid = ::fork();
    bench::require(pid != -1, "fork");
    if (pid == 0) {
      const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
      ::dup2(null, STDIN_FILENO);
      ::dup2(stdout_fd != -1 ? stdout_fd : null, STDOUT_FILENO);
      ::dup2(null, STDERR_FILENO);
      ::execve(argv[0], argv, environ);
      const int error = errno;
      [[maybe_unused]] const ssize_t told = ::write(errors[1], &error, sizeof error);
      ::_exit(127);
    }
    ::close(errors[1]);
    int error = 0;
    const ssize_t size = ::read(errors[0], &error, sizeof error);
    ::close(errors[0]);
    bench::require(size == 0, "execve");
    return {pid, static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
  }
  void ended(const bench::launched&) {}
};

int main(int argc, char** argv)
{
  return bench::run_driver<bench::epoll_peer<fork_launcher>>(argc, argv, "floor: fork",
                                                             bench::kernel_version());
}
