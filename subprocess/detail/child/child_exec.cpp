// Runs in the child; what holds for child_main.cpp holds here.

#include <algorithm>
#include <cerrno>
#include <climits>

#include <subprocess/detail/child/child_main.hpp>

#include "option_calls.hpp"
#include "raw_calls.hpp"

namespace subprocess::detail {
namespace {

child_failure failed(long result) noexcept
{
  return {spawn_step::exec, 0, static_cast<int>(-result)};
}

// Who waits for sockets checks that it is he who was meant.
void write_own_pid(char* slot) noexcept
{
  char digits[20];
  int count = 0;
  for (long left = raw::own_pid(); left > 0; left /= 10)
    digits[count++] = static_cast<char>('0' + left % 10);
  while (count > 0)
    *slot++ = digits[--count];
  *slot = '\0';
}

// The next descriptor from `first` on that the child still needs.
unsigned next_needed(const child_plan& plan, unsigned first) noexcept
{
  unsigned next = UINT_MAX;
  for (const int fd : {plan.outcome, plan.program_fd})
    if (fd != -1 && static_cast<unsigned>(fd) >= first)
      next = std::min(next, static_cast<unsigned>(fd));
  return next;
}

// They are close-on-exec anyway.
void close_unneeded(const child_plan& plan) noexcept
{
  for (std::size_t i = 0; i < plan.unneeded_count; ++i)
    for (unsigned first = plan.unneeded[i].first; first <= plan.unneeded[i].last;) {
      const unsigned needed = next_needed(plan, first);
      if (needed > first)
        raw::close_range(first, std::min(needed - 1, plan.unneeded[i].last));
      if (needed >= plan.unneeded[i].last)
        break;
      first = needed + 1;
    }
}

// Whoever writes to the file may be about to close it; but this child has a copy
// of all that its parent has open, and so may be a writer itself.
long execute_file(const child_plan& plan, const char* path, char* const* argv) noexcept
{
  for (unsigned left = plan.text_busy_retries;; --left) {
    const long result =
        path ? raw::execve(path, argv, plan.envp) : raw::execute_descriptor(plan.program_fd, argv, plan.envp);
    if (result != -ETXTBSY || left == 0)
      return result;
    if (left == plan.text_busy_retries && !plan.in_place)
      close_unneeded(plan);
    raw::sleep_one_millisecond();
  }
}

} // namespace

// The rules of execvp(): go on where the file may simply not be there, remember
// that one was there and closed to us, stop at everything else. A file that is
// no program is a script for sh.
child_failure execute(const child_plan& plan) noexcept
{
  if (plan.listen_pid)
    write_own_pid(plan.listen_pid);
  if (plan.program_fd != -1)
    return failed(execute_file(plan, nullptr, plan.argv));
  long remembered = 0;
  long result = -ENOENT;
  for (const char* const* candidate = plan.candidates; *candidate; ++candidate) {
    result = execute_file(plan, *candidate, plan.argv);
    if (result == -ENOEXEC && plan.shell_argv) {
      plan.shell_argv[1] = *candidate;
      result = execute_file(plan, plan.shell_argv[0], const_cast<char* const*>(plan.shell_argv));
    }
    switch (-result) {
    case EACCES: remembered = result; break;
    case ENOENT:
    case ENOTDIR:
    case ESTALE:
    case ENODEV:
    case ETIMEDOUT: break;
    default: return failed(result);
    }
  }
  return failed(remembered ? remembered : result);
}

} // namespace subprocess::detail
