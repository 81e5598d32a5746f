// The floor for one child after another: clone3(CLONE_VM | CLONE_VFORK). The
// caller sleeps until exec, so one stack serves every child.

#include "raw_child.hpp"

struct vfork_launcher {
  bench::launched launch(char* const* argv, int stdout_fd)
  {
    bench::raw_plan plan{argv, environ, stdout_fd, false};
    return bench::clone_raw_child(CLONE_VFORK, stack_.data(), plan);
  }
  void ended(const bench::launched&) {}

  alignas(16) std::array<char, bench::raw_stack_size> stack_{};
};

int main(int argc, char** argv)
{
  return bench::run_driver<bench::epoll_peer<vfork_launcher>>(argc, argv, "floor: clone vfork",
                                                              bench::kernel_version());
}
