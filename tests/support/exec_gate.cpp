#include "exec_gate.hpp"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "pipes.hpp"

namespace subprocess::tests {
namespace {

int make_listener()
{
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execveat, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{static_cast<unsigned short>(std::size(code)), code};
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const long fd = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
  if (fd == -1)
    return -1;
  const unique_fd low(static_cast<int>(fd));
  return ::fcntl(low.get(), F_DUPFD_CLOEXEC, 720);
}

} // namespace

exec_gate::exec_gate(std::string path) : path_(std::move(path)), listener_(make_listener())
{
  pipe_ends stop = make_pipe(720);
  stop_read_ = std::move(stop.read_end);
  stop_write_ = std::move(stop.write_end);
  if (listener_)
    thread_ = std::thread([this] { serve(); });
}

exec_gate::~exec_gate()
{
  open();
  stop_write_.reset();
  if (thread_.joinable())
    thread_.join();
}

void exec_gate::open()
{
  const std::lock_guard lock(mutex_);
  is_open_ = true;
  for (const std::uint64_t id : held_)
    let_through(id);
  held_.clear();
}

void exec_gate::serve()
{
  pollfd watched[] = {{listener_.get(), POLLIN, 0}, {stop_read_.get(), POLLIN, 0}};
  for (;;) {
    if (::poll(watched, 2, -1) == -1 && errno != EINTR)
      return;
    if (watched[0].revents & POLLIN)
      answer_next();
    if (watched[1].revents)
      return;
  }
}

void exec_gate::answer_next()
{
  seccomp_notif call{};
  if (::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, &call) == -1)
    return; // It was killed meanwhile.
  const bool held = is_held(static_cast<int>(call.pid), call.data.args[call.data.nr == SYS_execve ? 0 : 1]);
  reached_ += held;
  const std::lock_guard lock(mutex_);
  if (held && !is_open_)
    held_.push_back(call.id);
  else
    let_through(call.id);
}

bool exec_gate::is_held(int pid, unsigned long long address) const
{
  const unique_fd memory(::open(("/proc/" + std::to_string(pid) + "/mem").c_str(), O_RDONLY | O_CLOEXEC));
  std::string text(path_.size() + 1, '?');
  return ::pread(memory.get(), text.data(), text.size(), static_cast<off_t>(address)) ==
             static_cast<ssize_t>(text.size()) &&
         text == path_ + '\0';
}

void exec_gate::let_through(std::uint64_t id) const
{
  seccomp_notif_resp answer{};
  answer.id = id;
  answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

} // namespace subprocess::tests
