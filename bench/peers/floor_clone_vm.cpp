// The floor for many children in flight: clone3(CLONE_VM) without CLONE_VFORK.
// The caller runs on while the kernel loads the program, so each child has a
// stack and a plan of its own until it ended, and signals stay blocked around
// the clone: a handler run by the child would run in our memory.

#include "raw_child.hpp"

class clone_vm_launcher {
public:
  bench::launched launch(char* const* argv, int stdout_fd)
  {
    if (spare_.empty())
      spare_.push_back(new workspace);
    workspace* mine = spare_.back();
    spare_.pop_back();
    mine->plan = {argv, environ, stdout_fd, true};

    const std::uint64_t all = ~std::uint64_t{0};
    std::uint64_t before = 0;
    set_mask(all, &before);
    bench::launched child = bench::clone_raw_child(0, mine->stack.data(), mine->plan);
    set_mask(before, nullptr);
    child.resource = mine;
    return child;
  }

  void ended(const bench::launched& child)
  {
    spare_.push_back(static_cast<workspace*>(child.resource));
  }

private:
  struct workspace {
    alignas(16) std::array<char, bench::raw_stack_size> stack;
    bench::raw_plan plan;
  };

  // The raw call: libc's sigprocmask() leaves its own internal signals out.
  static void set_mask(std::uint64_t mask, std::uint64_t* before)
  {
    bench::raw_call(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<long>(&mask),
                    reinterpret_cast<long>(before), sizeof mask);
  }

  std::vector<workspace*> spare_;
};

int main(int argc, char** argv)
{
  return bench::run_driver<bench::epoll_peer<clone_vm_launcher>>(
      argc, argv, "floor: clone vm", bench::kernel_version());
}
