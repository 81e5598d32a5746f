#include <subprocess/detail/launch/clone_launcher.hpp>

#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdint>
#include <optional>

#include <subprocess/detail/child/child_main.hpp>
#include <subprocess/detail/streams/pipe.hpp>
#include <subprocess/detail/child/signal_guard.hpp>

#include "child_stack.hpp"
#include "clone_call.hpp"
#include "low_sources.hpp"
#include "option_calls.hpp"

namespace subprocess::detail {
namespace {

#ifdef CLONE_INTO_CGROUP
constexpr std::uint64_t into_cgroup = CLONE_INTO_CGROUP;
#else
constexpr std::uint64_t into_cgroup = 0x200000000; // Linux 5.7.
#endif
#ifdef CLONE_CLEAR_SIGHAND
constexpr std::uint64_t clear_sighand = CLONE_CLEAR_SIGHAND;
#else
constexpr std::uint64_t clear_sighand = 0x100000000; // Linux 5.5.
#endif

// The child: on its own stack, in the parent's memory.
[[noreturn]] void child_of_clone(void* argument) noexcept
{
  shared_launch& self = *static_cast<shared_launch*>(argument);
  const long unshared = self.above_sources ? raw::unshare_descriptors(self.above_sources) : 0;
  self.failure =
      unshared < 0 ? child_failure{spawn_step::fork, 0, static_cast<int>(-unshared)} : become_program(*self.plan);
  raw::exit(127);
}

unsigned above_all_sources(const child_plan& plan) noexcept
{
  if (plan.keep_all)
    return UINT_MAX;
  int highest = std::max({2, plan.options.cgroup, plan.program_fd});
  for (std::size_t i = 0; i < plan.move_count; ++i)
    highest = std::max(highest, plan.moves[i].source);
  return static_cast<unsigned>(highest) + 1;
}

long make(const clone_arguments& arguments, shared_launch& shared) noexcept
{
  const signal_guard guard;
  return clone_call(arguments, child_of_clone, &shared);
}

// A pid namespace is entered by birth alone, and its user namespace with it. The
// others the child makes itself: a refused one says so then.
std::uint64_t namespaces_by_birth(child_options& options) noexcept
{
  options.born_in_namespaces = options.namespaces & static_cast<unsigned>(new_namespace::pid);
  return options.born_in_namespaces ? raw::namespace_flags(options.namespaces) : 0;
}

int clone_child(std::uint64_t flags, shared_launch& shared, started_child& child) noexcept
{
  int pidfd = -1;
  clone_arguments arguments{};
  arguments.flags = CLONE_VM | CLONE_PIDFD | clear_sighand | flags;
  arguments.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  arguments.child_tid = reinterpret_cast<std::uintptr_t>(&shared.in_use);
  arguments.exit_signal = SIGCHLD;
  arguments.stack = reinterpret_cast<std::uintptr_t>(shared.stack);
  arguments.stack_size = child_stack_size;

  child_options& options = shared.plan->options;
  arguments.flags |= namespaces_by_birth(options);
  options.born_in_cgroup = options.cgroup != -1;
  if (options.born_in_cgroup) {
    arguments.flags |= into_cgroup;
    arguments.cgroup = static_cast<std::uint64_t>(options.cgroup);
  }

  shared.plan->handlers_are_default = true;
  long pid = make(arguments, shared);
  if (pid < 0 && options.born_in_cgroup) { // The child has other means, and better errors.
    options.born_in_cgroup = false;
    arguments.flags &= ~into_cgroup;
    arguments.cgroup = 0;
    pid = make(arguments, shared);
  }
  if (pid < 0) { // For the launcher that tries next.
    shared.plan->handlers_are_default = false;
    options.born_in_namespaces = false;
    return static_cast<int>(-pid);
  }
  child.pid = static_cast<pid_t>(pid);
  child.pidfd.reset(pidfd);
  lift(child.pidfd, 3); // Failing, it leaves none: one is opened when it is needed.
  return 0;
}

// A change of user in the child makes the memory undumpable (prctl(2)), which is
// the parent's too: no core dumps, and a /proc/self that belongs to root.
class dumpable_guard {
public:
  dumpable_guard() noexcept : before_(::prctl(PR_GET_DUMPABLE)) {}
  ~dumpable_guard()
  {
    if (before_ == 1 && ::prctl(PR_GET_DUMPABLE) != 1)
      ::prctl(PR_SET_DUMPABLE, 1);
  }
  dumpable_guard(const dumpable_guard&) = delete;
  dumpable_guard& operator=(const dumpable_guard&) = delete;

private:
  const int before_;
};

} // namespace

shared_launch::~shared_launch()
{
  give_back_stack(stack);
}

// CLONE_FILES and then unsharing copies the low end of the descriptor table
// alone, and drops the rest without closing it one by one.
int clone_and_wait(launch_plan& plan, started_child& child, child_failure& failure) noexcept
{
  std::optional<dumpable_guard> dumpable;
  if (!plan.may_run_beside())
    dumpable.emplace();
  const low_sources moved(plan.for_child());
  shared_launch shared;
  shared.plan = &plan.for_child();
  shared.above_sources = above_all_sources(plan.for_child());
  shared.stack = take_stack();
  if (!shared.stack)
    return ENOMEM;
  const int error = clone_child(CLONE_VFORK | CLONE_FILES, shared, child);
  failure = shared.failure;
  return error;
}

// With CLONE_FILES the parent could not close the child's ends of the pipes, nor
// its end of the outcome pipe, until the child has unshared; it would have to
// wait for that.
int clone_beside(launch_plan& plan, started_child& child, shared_launch& shared) noexcept
{
  shared.plan = &plan.for_child();
  shared.stack = take_stack();
  if (!shared.stack)
    return ENOMEM;
  shared.in_use = 1;
  const int error = clone_child(CLONE_CHILD_CLEARTID, shared, child);
  if (error)
    shared.in_use = 0;
  return error;
}

} // namespace subprocess::detail
