#include <subprocess/capture.hpp>

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include <subprocess/child.hpp>
#include <subprocess/detail/capture_buffer.hpp>
#include <subprocess/detail/capture_command.hpp>
#include <subprocess/detail/capture_read.hpp>
#include <subprocess/detail/child_parts.hpp>
#include <subprocess/detail/launcher.hpp>
#include <subprocess/detail/poll_time.hpp>

namespace subprocess {
namespace {

using clock = std::chrono::steady_clock;

// How long the end of a child can go unnoticed where nothing tells of it.
constexpr std::chrono::milliseconds look_interval(10);

/// One stream and what has been read of it.
struct captured_stream {
  unique_fd end;
  detail::capture_buffer text;

  /// One read(); closes the stream at its end.
  int read_some()
  {
    const auto room = text.room();
    const ssize_t got = ::read(end.get(), room.data(), room.size());
    const int error = got == -1 ? errno : 0;
    if (got > 0)
      text.add(static_cast<std::size_t>(got));
    if (got == 0 || error == EIO) // A terminal that its last user has left.
      end.reset();
    return error == EINTR || error == EIO ? 0 : error;
  }
};

/// Reads both streams of a child to their end, or for as long as the options say.
class reader {
public:
  reader(const capture_options& options, detail::process& child, unique_fd out, unique_fd err)
      : options_(options), child_(child),
        streams_{{std::move(out), detail::capture_buffer(options)}, {std::move(err), detail::capture_buffer(options)}}
  {
  }

  /// \return 0 or an errno.
  int read_all()
  {
    int error = 0;
    while (!error && !left_open_ && (streams_[0].end || streams_[1].end))
      error = read_what_comes();
    for (captured_stream& stream : streams_) {
      if (left_open_ && stream.end)
        detail::read_what_is_there(stream.end.get(), stream.text);
      stream.end.reset();
      if (stream.text.must_stop())
        error = ENOBUFS;
    }
    if (error == ENOBUFS && options_.on_overflow == overflow::kill)
      child_.signal(SIGKILL);
    return error;
  }

  void give(captured_output& output)
  {
    output.out_dropped = streams_[0].text.dropped();
    output.err_dropped = streams_[1].text.dropped();
    output.left_open = left_open_;
    output.out = streams_[0].text.take();
    output.err = streams_[1].text.take();
  }

private:
  // Whichever has something: a child that fills one pipe while we wait for the
  // other would never end.
  int read_what_comes()
  {
    // poll() takes no notice of -1.
    pollfd watched[] = {{streams_[0].end.get(), POLLIN, 0}, {streams_[1].end.get(), POLLIN, 0}, {-1, POLLIN, 0}};
    if (options_.drain_grace && !deadline_)
      watched[2].fd = child_.pidfd();
    if (::poll(watched, 3, timeout(watched[2].fd)) == -1)
      return errno == EINTR ? 0 : errno;
    for (int i = 0; i < 2; ++i)
      if (watched[i].revents) {
        if (const int error = streams_[i].read_some())
          return error;
        if (streams_[i].text.must_stop())
          return ENOBUFS;
      }
    if (options_.drain_grace)
      look_at_child();
    return 0;
  }

  int timeout(int pidfd) const noexcept
  {
    if (deadline_)
      return detail::poll_timeout(*deadline_ - clock::now());
    return options_.drain_grace && pidfd == -1 ? static_cast<int>(look_interval.count()) : -1;
  }

  void look_at_child()
  {
    if (!deadline_ && child_.try_reap() != detail::process::state::running)
      deadline_ = detail::deadline_after(*options_.drain_grace);
    left_open_ = deadline_ && clock::now() >= *deadline_ && (streams_[0].end || streams_[1].end);
  }

  const capture_options& options_;
  detail::process& child_;
  captured_stream streams_[2];
  std::optional<clock::time_point> deadline_; // Once the child has ended.
  bool left_open_ = false;
};

// What a child writes to its terminal counts as what it writes to the first
// stream that is read of it.
void take_terminal(detail::child_parts& parts)
{
  if (!parts.pipes[3])
    return;
  detail::end_terminal_input(parts.pipes[3].get());
  unique_fd& place = parts.pipes[1] ? parts.pipes[2] : parts.pipes[1];
  if (!place)
    place = std::move(parts.pipes[3]);
}

captured_output capture(const command& what, const capture_options& options, spawn_failure& failure,
                        std::error_code& ec)
{
  captured_output output;
  detail::child_parts parts = detail::spawn_parts(what, detail::stream_defaults::capture(), failure);
  ec = failure.code;
  if (failure)
    return output;
  parts.pipes[0].reset();
  take_terminal(parts);
  const auto handle = parts.handle;
  reader streams(options, *handle, std::move(parts.pipes[1]), std::move(parts.pipes[2]));
  child started(std::move(parts));
  const int error = streams.read_all();
  output.status = started.wait(ec);
  output.report = started.report();
  streams.give(output);
  if (error && !ec)
    ec.assign(error, std::system_category());
  return output;
}

captured_output capture_with(const command& what, const capture_options& options, spawn_failure& failure,
                             std::error_code& ec)
{
  if (options.input || options.merge_stderr)
    return capture(detail::capture_command(what, options), options, failure, ec);
  return capture(what, options, failure, ec);
}

} // namespace

captured_output capture(const command& what, const capture_options& options, std::error_code& ec)
{
  spawn_failure failure;
  return capture_with(what, options, failure, ec);
}

captured_output capture(const command& what, std::error_code& ec)
{
  return capture(what, {}, ec);
}

captured_output capture(const command& what, const capture_options& options)
{
  spawn_failure failure;
  std::error_code ec;
  captured_output output = capture_with(what, options, failure, ec);
  if (failure)
    throw spawn_error(std::move(failure));
  if (ec)
    throw capture_error(ec, std::move(output));
  return output;
}

} // namespace subprocess
