#include "fake_kernel.hpp"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstdarg>

namespace subprocess::tests {
namespace {

fake_kernel* current = nullptr;

// Above all that the real one gives.
constexpr int first_fd = 1'000'000;

long to_result(long answer)
{
  if (answer >= 0)
    return answer;
  errno = static_cast<int>(-answer);
  return -1;
}

} // namespace

fake_kernel* fake_kernel::now()
{
  return current;
}

fake_kernel::fake_kernel() : next_fd_(first_fd)
{
  current = this;
}

fake_kernel::~fake_kernel()
{
  current = nullptr;
}

std::size_t fake_kernel::add(pid_t number)
{
  children_.push_back({number});
  return children_.size() - 1;
}

std::size_t fake_kernel::holder_of(pid_t number) const
{
  for (std::size_t i = 0; i < children_.size(); ++i)
    if (children_[i].number == number && (children_[i].how == life::alive || children_[i].how == life::zombie))
      return i;
  return nobody;
}

bool fake_kernel::is_free(pid_t number) const
{
  return holder_of(number) == nobody;
}

void fake_kernel::bear(std::size_t born)
{
  children_[born].how = life::alive;
}

void fake_kernel::end(std::size_t ends, int wait_status)
{
  record& one = children_[ends];
  if (one.how != life::alive)
    return;
  one.how = life::zombie;
  one.wait_status = wait_status;
}

void fake_kernel::steal(std::size_t stolen)
{
  if (children_[stolen].how == life::zombie)
    children_[stolen].how = life::gone;
}

int fake_kernel::open_pidfd(pid_t number)
{
  return static_cast<int>(pidfd_open(number));
}

std::string fake_kernel::state() const
{
  std::string text;
  for (const record& one : children_)
    text += std::to_string(static_cast<int>(one.how)) + ':' + std::to_string(one.wait_status) + ' ';
  for (const auto& [fd, of] : open_)
    text += std::to_string(of) + (registered_.contains(fd) ? "r" : "o");
  return text;
}

long fake_kernel::wait4(pid_t number, int* wait_status)
{
  const std::size_t found = holder_of(number);
  if (found == nobody)
    return -ECHILD;
  record& one = children_[found];
  if (one.how == life::alive)
    return 0;
  one.how = life::gone;
  *wait_status = one.wait_status;
  return number;
}

long fake_kernel::look(pid_t number, pid_t& ended) const
{
  const std::size_t found = holder_of(number);
  if (found == nobody)
    return -ECHILD;
  ended = children_[found].how == life::zombie ? number : 0;
  return 0;
}

long fake_kernel::send(std::size_t to, int signal)
{
  ++signals_;
  if (to != signalled_)
    faults_.push_back("a signal for child " + std::to_string(signalled_) + " reached child " + std::to_string(to));
  if (signal == SIGKILL)
    end(to, SIGKILL);
  return 0;
}

long fake_kernel::kill(pid_t number, int signal)
{
  const std::size_t found = holder_of(number);
  if (found != nobody)
    return send(found, signal);
  // By now it may be anybody's in the program or out of it.
  ++signals_;
  return -ESRCH;
}

long fake_kernel::pidfd_open(pid_t number)
{
  const std::size_t found = holder_of(number);
  if (found == nobody)
    return -ESRCH;
  open_.emplace(next_fd_, found);
  return next_fd_++;
}

long fake_kernel::pidfd_send_signal(int fd, int signal)
{
  const auto found = open_.find(fd);
  if (found == open_.end()) {
    faults_.push_back("a signal by a pidfd that is closed");
    return -EBADF;
  }
  if (children_[found->second].how == life::gone)
    return -ESRCH;
  return send(found->second, signal);
}

bool fake_kernel::close(int fd)
{
  if (fd < first_fd)
    return false;
  if (registered_.contains(fd))
    faults_.push_back("a pidfd was closed that the source watches");
  if (open_.erase(fd) == 0)
    faults_.push_back("a pidfd was closed twice");
  return true;
}

} // namespace subprocess::tests

using subprocess::tests::fake_kernel;
using subprocess::tests::to_result;

extern "C" {

pid_t __real_wait4(pid_t, int*, int, rusage*);
pid_t __wrap_wait4(pid_t number, int* wait_status, int options, rusage* usage)
{
  if (fake_kernel* const kernel = fake_kernel::now())
    return static_cast<pid_t>(to_result(kernel->wait4(number, wait_status)));
  return __real_wait4(number, wait_status, options, usage);
}

int __real_waitid(idtype_t, id_t, siginfo_t*, int);
int __wrap_waitid(idtype_t type, id_t id, siginfo_t* info, int options)
{
  if (fake_kernel* const kernel = fake_kernel::now())
    return static_cast<int>(to_result(kernel->look(static_cast<pid_t>(id), info->si_pid)));
  return __real_waitid(type, id, info, options);
}

int __real_kill(pid_t, int);
int __wrap_kill(pid_t number, int signal)
{
  if (fake_kernel* const kernel = fake_kernel::now())
    return static_cast<int>(to_result(kernel->kill(number, signal)));
  return __real_kill(number, signal);
}

int __real_close(int);
int __wrap_close(int fd)
{
  fake_kernel* const kernel = fake_kernel::now();
  return kernel && kernel->close(fd) ? 0 : __real_close(fd);
}

long __real_syscall(long, long, long, long, long, long, long);
long __wrap_syscall(long number, ...)
{
  va_list list;
  va_start(list, number);
  long given[6];
  for (long& one : given)
    one = va_arg(list, long);
  va_end(list);
  if (fake_kernel* const kernel = fake_kernel::now()) {
    if (number == SYS_pidfd_open)
      return to_result(kernel->pidfd_open(static_cast<pid_t>(given[0])));
    if (number == SYS_pidfd_send_signal)
      return to_result(kernel->pidfd_send_signal(static_cast<int>(given[0]), static_cast<int>(given[1])));
  }
  return __real_syscall(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}
}
