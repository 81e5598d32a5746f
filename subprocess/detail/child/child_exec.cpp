// Runs in the child; what holds for child_main.cpp holds here.

#include <cerrno>

#include <subprocess/detail/child/child_main.hpp>

#include <subprocess/detail/child/option_calls.hpp>
#include <subprocess/detail/child/raw_calls.hpp>

namespace subprocess::detail {
namespace {

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

// The mask opens for the exec alone. A signal that dumps core would, before Linux
// 5.16, end everyone who shares the memory; and one that stops a child while it
// waits would hold whoever waits for the child.
long execute_once(const child_plan& plan, const char* path, char* const* argv) noexcept
{
  open_mask(plan.options);
  const long result =
      path ? raw::execve(path, argv, plan.envp) : raw::execute_descriptor(plan.program_fd, argv, plan.envp);
  raw::set_mask(raw::all_signals());
  return result;
}

// Whoever writes to the file may be about to close it.
long execute_file(const child_plan& plan, const char* path, char* const* argv) noexcept
{
  for (unsigned left = plan.text_busy_retries;; --left) {
    const long result = execute_once(plan, path, argv);
    if (result != -ETXTBSY || left == 0)
      return result;
    raw::sleep_one_millisecond();
  }
}

// Where the file cannot be, whoever asks. The exec would find that out too, but
// takes longer, and needs the mask open.
bool is_nowhere(long error) noexcept
{
  return error == -ENOENT || error == -ENOTDIR || error == -ENAMETOOLONG || error == -ELOOP;
}

// What is left of it when the last candidate was no program.
class search_result {
public:
  void not_there(long result) noexcept { last_ = result; }

  void not_executed(long result, const char* path) noexcept
  {
    closed_to_us_ |= result == -EACCES;
    interpreter_is_missing_ |= result == -ENOENT && raw::look_for(path) == 0;
    last_ = result;
  }

  child_failure failure() const noexcept
  {
    if (closed_to_us_)
      return failed(spawn_step::exec, -EACCES);
    if (interpreter_is_missing_)
      return failed(spawn_step::exec, -ENOENT, missing_interpreter);
    return failed(spawn_step::exec, last_);
  }

private:
  long last_ = -ENOENT;
  bool closed_to_us_ = false;
  bool interpreter_is_missing_ = false;
};

bool goes_on_after(long result) noexcept
{
  switch (-result) {
  case EACCES:
  case ENOENT:
  case ENOTDIR:
  case ENAMETOOLONG:
  case ELOOP:
  case ESTALE:
  case ENODEV:
  case ETIMEDOUT: return true;
  default: return false;
  }
}

} // namespace

// The rules of execvp(): go on where the file may simply not be there, remember
// that one was there and closed to us, stop at everything else. A file that is
// no program is a script for sh. Unlike execvp(), and like every shell, a place
// whose path is too long or loops is passed over.
child_failure execute(const child_plan& plan) noexcept
{
  if (plan.listen_pid)
    write_own_pid(plan.listen_pid);
  if (plan.program_fd != -1)
    return failed(spawn_step::exec, execute_file(plan, nullptr, plan.argv));
  search_result found;
  for (const char* const* candidate = plan.candidates; *candidate; ++candidate) {
    const bool is_last = candidate[1] == nullptr;
    if (const long result = is_last ? 0 : raw::look_for(*candidate); is_nowhere(result)) {
      found.not_there(result);
      continue;
    }
    long result = execute_file(plan, *candidate, plan.argv);
    if (result == -ENOEXEC && plan.shell_argv) {
      plan.shell_argv[1] = *candidate;
      result = execute_file(plan, plan.shell_argv[0], const_cast<char* const*>(plan.shell_argv));
    }
    if (!goes_on_after(result))
      return failed(spawn_step::exec, result);
    found.not_executed(result, *candidate);
  }
  return found.failure();
}

} // namespace subprocess::detail
