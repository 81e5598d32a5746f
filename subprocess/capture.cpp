#include <subprocess/capture.hpp>

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <subprocess/child.hpp>
#include <subprocess/detail/child_parts.hpp>
#include <subprocess/detail/launcher.hpp>

namespace subprocess {
namespace {

// A pipe holds 64 KiB unless told otherwise: more never comes at once.
constexpr std::size_t chunk = 65536;

/// Appends one read() to `text`; closes the stream at its end.
int read_some(unique_fd& stream, std::string& text)
{
  const std::size_t size = text.size();
  text.resize(size + chunk);
  const ssize_t got = ::read(stream.get(), text.data() + size, chunk);
  const int error = got == -1 ? errno : 0;
  text.resize(size + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (got == 0)
    stream.reset();
  return error == EINTR ? 0 : error;
}

/// Reads both to the end, whichever has something: a child that fills one pipe
/// while we wait for the other would never end.
int drain(unique_fd& out, std::string& out_text, unique_fd& err, std::string& err_text)
{
  while (out && err) {
    pollfd both[] = {{out.get(), POLLIN, 0}, {err.get(), POLLIN, 0}};
    if (::poll(both, 2, -1) == -1) {
      if (const int error = errno; error != EINTR)
        return error;
      continue;
    }
    if (both[0].revents)
      if (const int error = read_some(out, out_text))
        return error;
    if (both[1].revents)
      if (const int error = read_some(err, err_text))
        return error;
  }
  unique_fd& last = out ? out : err;
  std::string& text = out ? out_text : err_text;
  while (last)
    if (const int error = read_some(last, text))
      return error;
  return 0;
}

captured_output capture(const command& what, spawn_failure& failure, std::error_code& ec)
{
  captured_output output;
  detail::child_parts parts = detail::spawn_parts(what, detail::stream_defaults::capture(), failure);
  ec = failure.code;
  if (failure)
    return output;
  child started(std::move(parts));
  started.stdin_pipe().reset();
  const int error = drain(started.stdout_pipe(), output.out, started.stderr_pipe(), output.err);
  output.status = started.wait(ec);
  if (error && !ec)
    ec.assign(error, std::system_category());
  return output;
}

} // namespace

captured_output capture(const command& what, std::error_code& ec)
{
  spawn_failure failure;
  return capture(what, failure, ec);
}

captured_output capture(const command& what)
{
  spawn_failure failure;
  std::error_code ec;
  captured_output output = capture(what, failure, ec);
  if (failure)
    throw spawn_error(std::move(failure));
  if (ec)
    throw std::system_error(ec, "capture");
  return output;
}

} // namespace subprocess
