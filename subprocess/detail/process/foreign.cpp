// What is shared with others: children that they have started, descriptors that they get.

#include <fcntl.h>
#include <sys/wait.h>

#include <cerrno>

#include <subprocess/command.hpp>
#include <subprocess/detail/observation/observed_child.hpp>
#include <subprocess/detail/process/pidfd.hpp>
#include <subprocess/detail/process/process.hpp>

namespace subprocess::detail {

std::shared_ptr<process> process::adopt(pid_t pid, std::error_code& ec)
{
  siginfo_t info;
  const bool possible = pid > 0;
  const int asked = possible ? ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) : -1;
  const int error = !possible ? EINVAL : asked == -1 ? errno : 0;
  ec.assign(error, std::system_category());
  if (error)
    return nullptr;
  auto seen = observed_child::of_adoption();
  auto adopted = std::make_shared<process>(pid, open_pidfd(pid));
  if (seen) {
    adopted->observe(seen);
    seen->started(pid, launcher::automatic);
  }
  return adopted;
}

unique_fd process::duplicate_pidfd(std::error_code& ec) noexcept
{
  const pidfd_use own(*this);
  unique_fd given;
  int error = 0;
  if (own.get() != -1) {
    given.reset(::fcntl(own.get(), F_DUPFD_CLOEXEC, 3));
    error = given ? 0 : errno;
  } else {
    error = current() != state::running ? EINVAL : has_pidfds() ? EMFILE : ENOSYS;
  }
  ec.assign(error, std::system_category());
  return given;
}

} // namespace subprocess::detail
