// The floor of a pool: the same lines over raw pipes, and epoll by hand. A request
// takes write(), epoll_wait() and read().

#include "pool_driver.hpp"

#include "../peers/raw_child.hpp"

namespace {

struct raw_worker {
  pid_t pid = -1;
  int pidfd = -1;
  int in = -1;
  int out = -1;
  double asked = 0;
  std::size_t got = 0; // Of the answer.
};

class raw_pool {
public:
  explicit raw_pool(const bench::pool_options& given) : argv_{given.worker}, workers_(given.workers)
  {
    for (raw_worker& one : workers_)
      start(one);
  }

  ~raw_pool()
  {
    for (raw_worker& one : workers_)
      end(one);
  }

  // Each worker is asked again when it has answered.
  void request(bench::recorder& measured)
  {
    measured.start();
    for (raw_worker& one : workers_)
      ask(one, measured.now());
    for (std::size_t busy = workers_.size(); busy > 0;) {
      epoll_event events[16];
      const int count = ::epoll_wait(epoll_, events, 16, -1);
      for (int i = 0; i < count; ++i) {
        auto& one = *static_cast<raw_worker*>(events[i].data.ptr);
        if (!read_answer(one))
          continue;
        measured.add(one.asked);
        if (measured.is_over_at(one.asked))
          --busy;
        else
          ask(one, one.asked);
      }
    }
  }

  void restart(bench::recorder& measured)
  {
    raw_worker& one = workers_.front();
    measured.start();
    while (!measured.is_over()) {
      double killed = measured.now();
      ::kill(one.pid, SIGKILL);
      wait_for_end(one);
      start(one);
      ask(one, killed);
      epoll_event event;
      do
        ::epoll_wait(epoll_, &event, 1, -1);
      while (!read_answer(one));
      measured.add(killed);
    }
  }

private:
  void start(raw_worker& one)
  {
    int to[2];
    int from[2];
    bench::require(::pipe2(to, O_CLOEXEC) == 0 && ::pipe2(from, O_CLOEXEC) == 0, "pipe2");
    bench::raw_plan plan{argv_.get(), environ, from[1], false, to[0]};
    const bench::launched child = bench::clone_raw_child(CLONE_VFORK, stack_, plan);
    ::close(to[0]);
    ::close(from[1]);
    one = {.pid = child.pid, .pidfd = child.pidfd, .in = to[1], .out = from[0]};
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &one;
    bench::require(::epoll_ctl(epoll_, EPOLL_CTL_ADD, one.out, &event) == 0, "epoll_ctl");
  }

  void ask(raw_worker& one, double now)
  {
    one.asked = now;
    bench::require(::write(one.in, line_.data(), line_.size()) == static_cast<ssize_t>(line_.size()), "write");
  }

  bool read_answer(raw_worker& one)
  {
    char answer[4096];
    const ssize_t got = ::read(one.out, answer, sizeof answer);
    bench::require(got > 0, "read");
    one.got += static_cast<std::size_t>(got);
    if (answer[got - 1] != '\n')
      return false;
    bench::require(one.got == line_.size(), "another answer");
    one.got = 0;
    return true;
  }

  // Its streams are not looked at any more, only its end.
  void wait_for_end(raw_worker& one)
  {
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, one.out, nullptr);
    epoll_event event{};
    event.events = EPOLLIN;
    bench::require(::epoll_ctl(epoll_, EPOLL_CTL_ADD, one.pidfd, &event) == 0, "epoll_ctl");
    ::epoll_wait(epoll_, &event, 1, -1);
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, one.pidfd, nullptr);
    end(one);
  }

  void end(raw_worker& one)
  {
    ::close(one.in);
    ::close(one.out);
    siginfo_t info{};
    bench::require(::waitid(P_PIDFD, static_cast<id_t>(one.pidfd), &info, WEXITED) == 0, "waitid");
    ::close(one.pidfd);
  }

  const std::string line_ = bench::question + '\n';
  const bench::arguments argv_;
  std::vector<raw_worker> workers_;
  const int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  alignas(16) char stack_[bench::raw_stack_size];
};

} // namespace

int main(int argc, char** argv)
{
  return bench::run_pool_driver(argc, argv, "floor: pipes and epoll", bench::kernel_version(),
                                [](const bench::pool_options& given, bench::recorder& measured) {
                                  raw_pool pool(given);
                                  if (given.workload == "request")
                                    pool.request(measured);
                                  else if (given.workload == "restart")
                                    pool.restart(measured);
                                  else
                                    return false;
                                  return true;
                                });
}
