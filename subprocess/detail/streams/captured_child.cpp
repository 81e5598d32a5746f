#include <subprocess/detail/streams/captured_child.hpp>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include <subprocess/detail/streams/capture_read.hpp>
#include <subprocess/detail/launch/child_parts.hpp>
#include <subprocess/detail/launch/launch_plan.hpp>
#include <subprocess/detail/process/poll_time.hpp>

namespace subprocess::detail {
namespace {

using clock = std::chrono::steady_clock;

// How long the end of a child can go unnoticed where nothing tells of it.
constexpr std::chrono::milliseconds look_interval(10);

// What a child writes to its terminal counts as what it writes to the first
// stream that is read of it.
void take_terminal(child_parts& parts)
{
  if (!parts.pipes[3])
    return;
  end_terminal_input(parts.pipes[3].get());
  unique_fd& place = parts.pipes[1] ? parts.pipes[2] : parts.pipes[1];
  if (!place)
    place = std::move(parts.pipes[3]);
}

int sooner(int timeout, int other) noexcept
{
  return timeout == -1 || other == -1 ? std::max(timeout, other) : std::min(timeout, other);
}

} // namespace

captured_child::captured_child(const command& what, const capture_options& options, spawn_failure& failure)
    : options_(options), streams_{stream(options), stream(options)}
{
  child_parts parts = spawn_parts(what, stream_defaults::capture(), failure);
  if (failure)
    return;
  parts.pipes[0].reset();
  take_terminal(parts);
  handle_ = parts.handle;
  streams_[0].end = std::move(parts.pipes[1]);
  streams_[1].end = std::move(parts.pipes[2]);
  child_ = child(std::move(parts));
}

// One read(); closes the stream at its end.
int captured_child::stream::read_some()
{
  const auto room = text.room();
  const ssize_t got = ::read(end.get(), room.data(), room.size());
  const int error = got == -1 ? errno : 0;
  if (got > 0)
    text.add(static_cast<std::size_t>(got));
  if (got == 0 || error == EIO) // A terminal that its last user has left.
    end.reset();
  if (error && error != EINTR && error != EIO)
    return error;
  return text.must_stop() ? ENOBUFS : 0;
}

std::span<pollfd, 3> captured_child::watched()
{
  // poll() takes no notice of -1.
  const bool for_the_end = is_reading() && options_.drain_grace && !deadline_;
  watched_[0] = {streams_[0].end.get(), POLLIN, 0};
  watched_[1] = {streams_[1].end.get(), POLLIN, 0};
  watched_[2] = {for_the_end ? handle_->pidfd() : -1, POLLIN, 0};
  return watched_;
}

int captured_child::timeout() const
{
  if (!is_reading() || !options_.drain_grace)
    return -1;
  if (deadline_)
    return poll_timeout(*deadline_ - clock::now());
  return watched_[2].fd == -1 ? static_cast<int>(look_interval.count()) : -1;
}

int captured_child::read_some(std::span<const pollfd, 3> found)
{
  int error = 0;
  for (std::size_t i = 0; i < 2 && !error; ++i)
    if (found[i].revents)
      error = streams_[i].read_some();
  if (error)
    stop_reading();
  if (is_reading() && options_.drain_grace)
    look_at_child();
  return left_open_ && is_reading() ? give_up() : error;
}

void captured_child::look_at_child()
{
  if (!deadline_ && handle_->try_reap() != process::state::running)
    deadline_ = deadline_after(*options_.drain_grace);
  left_open_ = deadline_ && clock::now() >= *deadline_;
}

int captured_child::give_up()
{
  for (stream& one : streams_)
    if (one.end)
      read_what_is_there(one.end.get(), one.text);
  stop_reading();
  return streams_[0].text.must_stop() || streams_[1].text.must_stop() ? ENOBUFS : 0;
}

void captured_child::stop_reading() noexcept
{
  for (stream& one : streams_)
    one.end.reset();
}

captured_output captured_child::finish(std::error_code& ec)
{
  captured_output output;
  output.status = child_.wait(ec);
  output.report = child_.report();
  output.out_dropped = streams_[0].text.dropped();
  output.err_dropped = streams_[1].text.dropped();
  output.left_open = left_open_;
  output.out = streams_[0].text.take();
  output.err = streams_[1].text.take();
  return output;
}

int read_all(std::span<captured_child> children, const capture_options& options)
{
  int first_error = 0;
  std::vector<pollfd> watched;
  while (std::ranges::any_of(children, &captured_child::is_reading)) {
    int timeout = -1;
    watched.clear();
    for (captured_child& one : children) {
      std::ranges::copy(one.watched(), std::back_inserter(watched));
      timeout = sooner(timeout, one.timeout());
    }
    const int ready = ::poll(watched.data(), static_cast<nfds_t>(watched.size()), timeout);
    const int poll_error = ready == -1 ? errno : 0;
    if (poll_error == EINTR)
      continue;
    const std::span found(watched);
    for (std::size_t i = 0; i < children.size(); ++i) {
      const int error = poll_error ? poll_error : children[i].read_some(found.subspan(3 * i).first<3>());
      if (poll_error)
        children[i].stop_reading();
      if (!first_error)
        first_error = error;
      if (error == ENOBUFS && options.on_overflow == overflow::kill)
        std::ranges::for_each(children, &captured_child::kill);
    }
  }
  return first_error;
}

} // namespace subprocess::detail
