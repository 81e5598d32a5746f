// The least event loop that can wait for children: epoll over pidfds and pipes.
// The raw floors and the posix_spawn driver share it; they differ only in how a
// child is launched.
//
// A launcher is a class with
//   launched launch(char* const* argv, int stdout_fd);   // -1: /dev/null
//   void ended(const launched&);                         // its resources are free again

#pragma once

#include "driver.hpp"

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <functional>
#include <memory>

extern char** environ;

namespace bench {

struct launched {
  pid_t pid = -1;
  int pidfd = -1;
  void* resource = nullptr; // The launcher's own, such as a stack.
};

template <class Launcher>
class epoll_peer {
public:
  void start(char* const* argv, job& job) { start(argv, job, -1); }

  void run_one()
  {
    std::array<epoll_event, 64> events{};
    const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      auto* ready = static_cast<watch*>(events[static_cast<std::size_t>(i)].data.ptr);
      ready->on_ready();
    }
  }

  std::size_t capture(char* const* argv)
  {
    std::string output;
    read_all(argv, [&](const char* data, std::size_t size) { output.append(data, size); });
    return output.size();
  }

  std::uint64_t drain(char* const* argv)
  {
    std::uint64_t total = 0;
    read_all(argv, [&](const char*, std::size_t size) { total += size; });
    return total;
  }

private:
  struct watch {
    std::function<void()> on_ready;
  };

  void add(int fd, watch* target) const
  {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = target;
    require(::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
  }

  // A child that did not reach exec yet holds copies of our descriptors, so
  // that closing alone would leave them in the set.
  void remove_and_close(int fd) const
  {
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
    ::close(fd);
  }

  void start(char* const* argv, job& job, int stdout_fd)
  {
    const launched child = launcher_.launch(argv, stdout_fd);
    job.pid = child.pid;
    auto* exit = new watch;
    exit->on_ready = [this, child, &job, exit] {
      siginfo_t info{};
      const auto id = static_cast<id_t>(child.pidfd);
      require(::waitid(P_PIDFD, id, &info, WEXITED) == 0, "waitid");
      remove_and_close(child.pidfd);
      launcher_.ended(child);
      job.clean = info.si_code == CLD_EXITED && info.si_status == 0;
      job.done = true;
      delete exit;
    };
    add(child.pidfd, exit);
  }

  template <class Sink>
  void read_all(char* const* argv, Sink sink)
  {
    std::array<int, 2> pipe{};
    require(::pipe2(pipe.data(), O_CLOEXEC) == 0, "pipe2");
    job child;
    start(argv, child, pipe[1]);
    ::close(pipe[1]);
    ::fcntl(pipe[0], F_SETFL, O_NONBLOCK);

    bool ended = false;
    watch output;
    output.on_ready = [&] {
      for (;;) {
        const ssize_t size = ::read(pipe[0], buffer_.data(), buffer_.size());
        if (size == -1 && errno == EAGAIN)
          return;
        if (size <= 0)
          break;
        sink(buffer_.data(), static_cast<std::size_t>(size));
      }
      remove_and_close(pipe[0]);
      ended = true;
    };
    add(pipe[0], &output);
    while (!ended || !child.done)
      run_one();
    require(child.clean, "the child failed");
  }

  Launcher launcher_;
  int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  std::array<char, 65536> buffer_{};
};

} // namespace bench
