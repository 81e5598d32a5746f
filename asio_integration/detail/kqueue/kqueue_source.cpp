#include <sys/event.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <asio/posix/basic_stream_descriptor.hpp>

#include <cerrno>
#include <cstdint>

#include <asio_integration/detail/kqueue/exit_watch.hpp>
#include <subprocess/detail/process/own_pid.hpp>
#include <subprocess/detail/streams/pipe.hpp>

namespace subprocess::detail {
namespace {

/// A kqueue as the watch sees it.
class system_kqueue final : public kqueue_calls {
public:
  system_kqueue() : kqueue_(::kqueue())
  {
    int error = kqueue_ ? 0 : errno;
    if (!error)
      error = detail::lift(kqueue_, 3);
    // No fork inherits it; only an exec of this very process could.
    if (!error && ::fcntl(kqueue_.get(), F_SETFD, FD_CLOEXEC) == -1)
      error = errno;
    if (error)
      throw std::system_error(error, std::system_category(), "kqueue");
  }

  int get() const noexcept { return kqueue_.get(); }
  void release() noexcept { static_cast<void>(kqueue_.release()); }

  int add(pid_t pid) noexcept override
  {
    struct kevent change = change_of(pid, EV_ADD | EV_ONESHOT);
    change.fflags = NOTE_EXIT;
    return make(change);
  }

  // The kernel has removed it already when its event was taken, or the child reaped.
  void remove(pid_t pid) noexcept override { make(change_of(pid, EV_DELETE)); }

  int start_timer(std::chrono::milliseconds time) noexcept override
  {
    struct kevent change{};
    change.filter = EVFILT_TIMER;
    change.flags = EV_ADD | EV_ONESHOT;
    change.data = static_cast<decltype(change.data)>(time.count());
    return make(change);
  }

  void take(kqueue_events& taken) noexcept override
  {
    struct kevent events[kqueue_events::most];
    const timespec at_once{};
    const int count = ::kevent(kqueue_.get(), nullptr, 0, events, kqueue_events::most, &at_once);
    for (int i = 0; i < count; ++i)
      if (events[i].filter == EVFILT_PROC)
        taken.exited[taken.exited_count++] = static_cast<pid_t>(events[i].ident);
      else
        taken.timer_passed = true;
  }

  bool can_be_reaped(pid_t pid) noexcept override
  {
    siginfo_t info{};
    const int result = ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT);
    return result == -1 || info.si_pid == pid; // Whoever reaps it tells what the error means.
  }

private:
  static struct kevent change_of(pid_t pid, unsigned short flags) noexcept
  {
    struct kevent change{};
    change.ident = static_cast<std::uintptr_t>(pid);
    change.filter = EVFILT_PROC;
    change.flags = flags;
    return change;
  }

  int make(const struct kevent& change) noexcept
  {
    return ::kevent(kqueue_.get(), &change, 1, nullptr, 0, nullptr) == -1 ? errno : 0;
  }

  unique_fd kqueue_;
};

// All children of a context share one kqueue of our own, and Asio watches that: it is
// readable while it has events to tell.
class kqueue_source final : public wake_source {
public:
  explicit kqueue_source(const loop_executor& executor) : watched_(executor), exits_(kqueue_) { open_watched(); }

  // A fork of the program inherits no kqueue: the numbers are not ours there.
  ~kqueue_source() override
  {
    if (owner_ == own_pid())
      return;
    kqueue_.release();
    if (watched_.is_open())
      watched_.release();
  }

  reaper_source kind() const noexcept override { return reaper_source::kqueue; }

  bool watch(process& child) noexcept override { return exits_.watch(child.id()); }

  void unwatch(process& child) noexcept override
  {
    if (child.is_parent())
      exits_.unwatch(child.id());
  }

  void async_wake(wake_handler woken) override
  {
    if (!watched_.is_open())
      open_watched();
    watched_.async_wait(asio::posix::descriptor_base::wait_read, woken);
  }

  // In the copy, Asio puts all that it watches into a kqueue of the copy's own, and fails
  // on a number that is not there. Here the next wait opens it again.
  void before_fork() override
  {
    std::error_code ignored;
    watched_.close(ignored);
  }

  bool dispatch(reaping& reaper) noexcept override
  {
    exits_.dispatch(reaper);
    return false;
  }

private:
  // Asio makes a descriptor non-blocking before it waits for it, which a kqueue refuses
  // with ENOTTY, and each wait would end at once. It asks the kernel only once for each
  // descriptor: so it is given the end of a pipe, and then the kqueue gets that number.
  // Asio's reactor of these systems learns of a descriptor by the first wait.
  void open_watched()
  {
    unique_fd read_end;
    unique_fd write_end;
    int error = make_pipe(read_end, write_end);
    if (!error) {
      watched_.assign(read_end.get());
      static_cast<void>(read_end.release()); // Asio owns it, now that it did not throw.
      watched_.non_blocking(true);
      if (::dup2(kqueue_.get(), watched_.native_handle()) == -1 ||
          ::fcntl(watched_.native_handle(), F_SETFD, FD_CLOEXEC) == -1)
        error = errno;
    }
    if (!error)
      return;
    std::error_code ignored;
    watched_.close(ignored);
    throw std::system_error(error, std::system_category(), "kqueue");
  }

  const pid_t owner_ = own_pid();
  system_kqueue kqueue_;
  asio::posix::basic_stream_descriptor<loop_executor> watched_;
  exit_watch exits_;
};

} // namespace

std::unique_ptr<wake_source> make_native_source(const loop_executor& executor)
{
  return std::make_unique<kqueue_source>(executor);
}

reaper_source native_source() noexcept
{
  return reaper_source::kqueue;
}

} // namespace subprocess::detail
