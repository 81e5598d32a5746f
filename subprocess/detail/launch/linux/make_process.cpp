#include <subprocess/detail/launch/make_process.hpp>

#include <linux/futex.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <ctime>

#include <subprocess/detail/child/signal_guard.hpp>
#include <subprocess/detail/streams/pipe.hpp>

#include "child_stack.hpp"
#include "clone_call.hpp"
#include <subprocess/detail/child/option_calls.hpp>

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

long clone_on(const clone_arguments& arguments, void (*function)(void*) noexcept, const child_start& start) noexcept
{
  const signal_guard guard;
  return clone_call(arguments, function, const_cast<child_start*>(&start));
}

// A pid namespace is entered by birth alone, and its user namespace with it. The
// others the child makes itself: a refused one says so then.
std::uint64_t namespaces_by_birth(child_options& options) noexcept
{
  options.born_in_namespaces = options.namespaces & static_cast<unsigned>(new_namespace::pid);
  return options.born_in_namespaces ? raw::namespace_flags(options.namespaces) : 0;
}

int clone_child(std::uint64_t flags, void (*function)(void*) noexcept, const child_start& start,
                made_process& made) noexcept
{
  if (!start.stack) // The kernel would say EINVAL, as of a refusal.
    return ENOMEM;
  int pidfd = -1;
  clone_arguments arguments{};
  arguments.flags = CLONE_PIDFD | clear_sighand | flags | (start.plan->shares_table ? CLONE_FILES : 0);
  arguments.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  arguments.child_tid = reinterpret_cast<std::uintptr_t>(&start.report->word);
  arguments.exit_signal = SIGCHLD;
  arguments.stack = reinterpret_cast<std::uintptr_t>(start.stack);
  arguments.stack_size = child_stack_size;

  child_options& options = start.plan->options;
  arguments.flags |= namespaces_by_birth(options);
  options.born_in_cgroup = options.cgroup != -1;
  if (options.born_in_cgroup) {
    arguments.flags |= into_cgroup;
    arguments.cgroup = static_cast<std::uint64_t>(options.cgroup);
  }

  start.plan->handlers_are_default = true;
  long pid = clone_on(arguments, function, start);
  if (pid < 0 && options.born_in_cgroup) { // The child has other means, and better errors.
    options.born_in_cgroup = false;
    arguments.flags &= ~into_cgroup;
    arguments.cgroup = 0;
    pid = clone_on(arguments, function, start);
  }
  if (pid < 0) { // For the launcher that tries next.
    start.plan->handlers_are_default = false;
    options.born_in_namespaces = false;
    return static_cast<int>(-pid);
  }
  made.pid = static_cast<pid_t>(pid);
  made.pidfd.reset(pidfd);
  lift(made.pidfd, 3); // Failing, it leaves none: one is opened when it is needed.
  return 0;
}

bool clone_is_refused(int error) noexcept
{
  return error == ENOSYS || error == EPERM || error == EINVAL;
}

} // namespace

#ifdef SUBPROCESS_CHILD_IS_INSTRUMENTED // By <subprocess/src.hpp>.
int make_sharing(const child_start&, made_process&) noexcept
{
  return ENOSYS;
}
#else
int make_sharing(const child_start& start, made_process& made) noexcept
{
  return clone_child(CLONE_VM | CLONE_CHILD_CLEARTID, run_sharing, start, made);
}
#endif

// Without the handlers of pthread_atfork(3): like every child here it runs nothing
// that could need them, unless it has hooks.
int make_copy(const child_start& start, made_process& made) noexcept
{
  if (start.plan->hook_count)
    return make_by_fork(start, made);
  const int error = clone_child(0, run_copied, start, made);
  const bool by_birth = start.plan->options.namespaces & static_cast<unsigned>(new_namespace::pid);
  if (!clone_is_refused(error) || by_birth)
    return error;
  return make_by_fork(start, made);
}

// Not the private kind: a child's own memory may be another than ours.
void wait_for_change(std::atomic<unsigned>& word, unsigned value, std::chrono::nanoseconds limit) noexcept
{
  const auto seconds = std::chrono::floor<std::chrono::seconds>(limit);
  const timespec time{static_cast<std::time_t>(seconds.count()), static_cast<long>((limit - seconds).count())};
  ::syscall(SYS_futex, &word, FUTEX_WAIT, value, &time, nullptr, 0);
}

} // namespace subprocess::detail
