#include <subprocess/detail/streams/write_without_sigpipe.hpp>

#include <sys/types.h>

#include <cerrno>
#include <csignal>
#include <ctime>

#include <subprocess/detail/streams/quiet_writev.hpp>

namespace subprocess::detail {
namespace {

sigset_t sigpipe_alone() noexcept
{
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  return set;
}

/// Keeps SIGPIPE from this thread for as long as it lives. A signal that was pending
/// before stays pending.
class sigpipe_guard {
public:
  // One that is pending for a thread which does not block it is delivered at once:
  // only when it was blocked before there is something to look at.
  sigpipe_guard() noexcept
  {
    const sigset_t sigpipe = sigpipe_alone();
    ::pthread_sigmask(SIG_BLOCK, &sigpipe, &old_);
    blocked_before_ = sigismember(&old_, SIGPIPE) == 1;
    sigset_t pending;
    if (blocked_before_ && ::sigpending(&pending) == 0)
      pending_before_ = sigismember(&pending, SIGPIPE) == 1;
  }

  ~sigpipe_guard()
  {
    if (!blocked_before_)
      ::pthread_sigmask(SIG_SETMASK, &old_, nullptr);
  }

  sigpipe_guard(const sigpipe_guard&) = delete;
  sigpipe_guard& operator=(const sigpipe_guard&) = delete;

  // A write gave EPIPE: takes the signal that came with it. The kernel sends it to the
  // thread that writes, so no other thread can have it. Where an ignored signal is not
  // even queued, there is nothing to take.
  void take() const noexcept
  {
    if (pending_before_)
      return;
    const sigset_t sigpipe = sigpipe_alone();
    const timespec at_once{};
    while (::sigtimedwait(&sigpipe, nullptr, &at_once) == -1 && errno == EINTR) {
    }
  }

private:
  sigset_t old_;
  bool blocked_before_;
  bool pending_before_ = false;
};

ssize_t guarded_writev(int fd, const iovec* pieces, int count) noexcept
{
  const sigpipe_guard guard;
  const ssize_t done = ::writev(fd, pieces, count);
  const int error = done == -1 ? errno : 0;
  if (error == EPIPE)
    guard.take();
  errno = error;
  return done;
}

} // namespace

std::size_t write_without_sigpipe(int fd, const iovec* pieces, int count, int& error) noexcept
{
  ssize_t done;
  do {
    done = quiet_writev(fd, pieces, count);
    if (done == -1 && errno == ENOTSUP)
      done = guarded_writev(fd, pieces, count);
    error = done == -1 ? errno : 0;
  } while (error == EINTR);
  return done == -1 ? 0 : static_cast<std::size_t>(done);
}

} // namespace subprocess::detail
