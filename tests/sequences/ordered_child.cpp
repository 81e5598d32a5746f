#include "ordered_child.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "support/deadline.hpp"
#include "support/pipes.hpp"
#include "support/programs.hpp"

namespace subprocess::tests {
namespace {

constexpr int childs_in = 30;
constexpr int childs_out = 31;

bool read_byte(int fd, char expected)
{
  char byte = 0;
  return becomes_readable(fd, soon) && ::read(fd, &byte, 1) == 1 && byte == expected;
}

} // namespace

ordered_child::ordered_child()
{
  pipe_ends orders = make_pipe(childs_out + 1); // No dup2() in fork_and_exec() meets another.
  pipe_ends answers = make_pipe(childs_out + 1);
  orders_ = std::move(orders.write_end);
  childs_orders_ = std::move(orders.read_end);
  answers_ = std::move(answers.read_end);
  childs_answers_ = std::move(answers.write_end);
}

command ordered_child::helper(launcher which) const
{
  command made = tests::helper({"on-orders", std::to_string(childs_in), std::to_string(childs_out)});
  made.map_fd(childs_orders_.get(), childs_in).map_fd(childs_answers_.get(), childs_out).use_launcher(which);
  return made;
}

bool ordered_child::begin(pid_t pid)
{
  pid_ = pid;
  childs_orders_.reset();
  childs_answers_.reset();
  return read_byte(answers_.get(), 'r');
}

pid_t ordered_child::fork_and_exec()
{
  const std::string in = std::to_string(childs_in);
  const std::string out = std::to_string(childs_out);
  const char* const path = helper_path().c_str();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(childs_orders_.get(), childs_in);
    ::dup2(childs_answers_.get(), childs_out);
    ::execl(path, path, "on-orders", in.c_str(), out.c_str(), nullptr);
    ::_exit(127);
  }
  return pid;
}

bool ordered_child::order(char what, unsigned char how) const
{
  const char bytes[] = {what, static_cast<char>(how)};
  return ::write(orders_.get(), bytes, what == 'p' ? 1 : 2) > 0;
}

bool ordered_child::exit(unsigned char code)
{
  return order('e', code) && ends_as(exit_status(code << 8));
}

bool ordered_child::raise(int signal)
{
  return order('k', static_cast<unsigned char>(signal)) && ends_as(exit_status(signal));
}

bool ordered_child::let_go()
{
  orders_.reset();
  return ends_as(exit_status(99 << 8));
}

bool ordered_child::answers() const
{
  return order('p', 0) && read_byte(answers_.get(), 'p');
}

bool ordered_child::has_stopped() const
{
  return eventually(
      [&] {
        siginfo_t info{};
        return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED | WNOHANG | WNOWAIT) == 0 &&
               info.si_pid == pid_;
      },
      soon);
}

bool ordered_child::has_ended() const
{
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == pid_;
}

bool ordered_child::ends_as(exit_status how)
{
  end_ = how;
  return eventually([&] { return has_ended(); }, soon);
}

} // namespace subprocess::tests
