// libc's posix_spawn(), and the same pidfd and epoll as the floors have.

#include "epoll_loop.hpp"

#include <gnu/libc-version.h>
#include <spawn.h>

struct posix_spawn_launcher {
  bench::launched launch(char* const* argv, int stdout_fd)
  {
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
    ::posix_spawn_file_actions_adddup2(&actions, stdout_fd != -1 ? stdout_fd : STDIN_FILENO, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDERR_FILENO);
    pid_t pid = -1;
    const int error = ::posix_spawn(&pid, argv[0], &actions, nullptr, argv, environ);
    ::posix_spawn_file_actions_destroy(&actions);
    bench::require(error == 0, "posix_spawn");
    return {pid, static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
  }
  void ended(const bench::launched&) {}
};

int main(int argc, char** argv)
{
  return bench::run_driver<bench::epoll_peer<posix_spawn_launcher>>(
      argc, argv, "posix_spawn", std::string("glibc ") + ::gnu_get_libc_version());
}
