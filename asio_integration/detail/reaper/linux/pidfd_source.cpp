#include <sys/epoll.h>
#include <unistd.h>

#include <asio/posix/basic_stream_descriptor.hpp>

#include <cerrno>

#include <asio_integration/detail/reaper/wake_source.hpp>
#include <subprocess/detail/process/pidfd.hpp>

namespace subprocess::detail {
namespace {

// All children of a context share one epoll descriptor of our own, and Asio
// watches that: no object in Asio for each child, and the cost of a wake-up
// does not depend on how many children there are.
class pidfd_source final : public wake_source {
public:
  explicit pidfd_source(const loop_executor& executor, int epoll_fd) : epoll_(executor, epoll_fd) {}

  reaper_source kind() const noexcept override { return reaper_source::pidfd; }

  bool watch(process& child) noexcept override
  {
    const int pidfd = child.hold_pidfd();
    if (pidfd == -1)
      return false;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = child.id();
    const bool added = ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_ADD, pidfd, &event) == 0;
    if (!added)
      child.release_pidfd();
    return added;
  }

  // Closing the pidfd is not enough: a child that has not reached its exec yet
  // holds a copy, which would keep the registration alive and firing. A fork of the
  // program shares the set with it, and must leave it as it is.
  void unwatch(process& child) noexcept override
  {
    if (!child.is_parent())
      return;
    ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_DEL, child.pidfd(), nullptr);
    child.release_pidfd();
  }

  void async_wake(wake_handler woken) override { epoll_.async_wait(asio::posix::descriptor_base::wait_read, woken); }

  bool dispatch(reaping& reaper) noexcept override
  {
    // As many as fit; the next wake-up takes the rest, after other handlers.
    epoll_event events[64];
    const int count = ::epoll_wait(epoll_.native_handle(), events, 64, 0);
    for (int i = 0; i < count; ++i)
      reaper.look(events[i].data.fd);
    reaper.look_at_unwatched();
    return false;
  }

private:
  asio::posix::basic_stream_descriptor<loop_executor> epoll_;
};

} // namespace

std::unique_ptr<wake_source> make_native_source(const loop_executor& executor)
{
  unique_fd epoll_fd(::epoll_create1(EPOLL_CLOEXEC));
  const int error = epoll_fd ? 0 : errno;
  if (error)
    throw std::system_error(error, std::system_category(), "epoll_create1");
  auto source = std::make_unique<pidfd_source>(executor, epoll_fd.get());
  static_cast<void>(epoll_fd.release()); // Asio owns it, now that it did not throw.
  return source;
}

reaper_source native_source() noexcept
{
  return has_pidfds() ? reaper_source::pidfd : reaper_source::sigchld;
}

} // namespace subprocess::detail
