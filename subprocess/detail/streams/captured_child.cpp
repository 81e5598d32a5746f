#include <subprocess/detail/streams/captured_child.hpp>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <subprocess/detail/failures.hpp>
#include <subprocess/detail/launch/child_parts.hpp>
#include <subprocess/detail/launch/launch_plan.hpp>
#include <subprocess/detail/process/poll_time.hpp>
#include <subprocess/detail/process/wait_until.hpp>
#include <subprocess/detail/streams/capture_command.hpp>
#include <subprocess/detail/streams/capture_read.hpp>
#include <subprocess/detail/streams/readiness.hpp>

namespace subprocess::detail {
namespace {

using clock = std::chrono::steady_clock;

// How long the end of a child can go unnoticed where nothing tells of it.
constexpr std::chrono::milliseconds look_interval(10);

child_parts spawn_unattended(const command& what, outputs streams, spawn_failure& failure,
                             std::optional<clock::time_point> deadline)
{
  const auto defaults = streams == outputs::kept ? stream_defaults::capture() : stream_defaults::inherit();
  return expects_somebody(what) ? spawn_parts(unattended(what), defaults, failure, deadline)
                                : spawn_parts(what, defaults, failure, deadline);
}

int sooner(int timeout, int other) noexcept
{
  return timeout == -1 || other == -1 ? std::max(timeout, other) : std::min(timeout, other);
}

} // namespace

captured_child::captured_child(const command& what, outputs streams, const capture_options& options,
                               spawn_failure& failure, std::optional<time_point> deadline)
    : options_(options), program_(what.get().program), stop_(what.get().stop),
      streams_{stream(options), stream(options), stream(nothing())}
{
  child_parts parts = spawn_unattended(what, streams, failure, deadline);
  if (failure)
    return;
  take_ends(parts.pipes, streams);
  handle_ = parts.handle;
  child_ = child(std::move(parts));
}

// What a child writes to its terminal counts as what it writes to the first stream
// that is read of it; when both are pipes, nobody wants it.
void captured_child::take_ends(unique_fd (&pipes)[4], outputs streams)
{
  auto& [in, out, err, terminal] = pipes;
  in.reset();
  streams_[0].kept = streams_[1].kept = streams == outputs::kept;
  streams_[1].name = output_stream::err;
  if (streams == outputs::kept && options_.on_output)
    streams_[0].told = streams_[1].told = &options_.on_output;
  const std::size_t place = !out ? 0 : !err ? 1 : 2;
  streams_[0].end = std::move(out);
  streams_[1].end = std::move(err);
  if (terminal)
    streams_[place].end = std::move(terminal);
}

// One read(); closes the stream at its end, and after an error. The child may have
// left its terminal and live on: to close ours then would hang up on it.
int captured_child::stream::read_some()
{
  const auto room = text.room();
  const ssize_t got = ::read(end.get(), room.data(), room.size());
  const int error = got == -1 ? errno : 0;
  if (got > 0) {
    tell({room.data(), static_cast<std::size_t>(got)});
    text.add(static_cast<std::size_t>(got));
  }
  const bool has_left = error == EIO && ::isatty(end.get()) == 1; // A terminal, and its last user.
  if (has_left)
    left = std::move(end);
  else if (got == 0 || (error && error != EINTR))
    end.reset();
  if (error && error != EINTR && !has_left)
    return kept ? error : 0;
  return text.must_stop() ? ENOBUFS : 0;
}

// What is there, and no more.
int captured_child::stream::read_rest()
{
  std::string rest;
  read_what_is_there(end.get(), text, told ? &rest : nullptr);
  tell(rest);
  return text.must_stop() ? ENOBUFS : 0;
}

void captured_child::stream::tell(std::string_view piece) const
{
  if (told && !piece.empty())
    (*told)(name, piece);
}

bool captured_child::is_keeping() const noexcept
{
  return std::ranges::any_of(streams_, [](const stream& one) { return one.end && one.kept; });
}

bool captured_child::is_dropping() const noexcept
{
  return std::ranges::any_of(streams_, [](const stream& one) { return one.end && !one.kept; });
}

bool captured_child::has_exceeded() const noexcept
{
  return std::ranges::any_of(streams_, [](const stream& one) { return one.text.must_stop(); });
}

bool captured_child::waits_for_end() const noexcept
{
  return !ended_ && (until_end_ || (is_keeping() && options_.drain_grace));
}

void captured_child::watch(std::vector<pollfd>& all, bool until_end)
{
  until_end_ = until_end;
  first_ = all.size();
  for (const stream& one : streams_)
    if (one.end)
      all.push_back({one.end.get(), POLLIN, 0});
  if (waits_for_end() && end_.get() == -1)
    end_ = pidfd_use(*handle_);
  if (waits_for_end() && end_.get() != -1)
    all.push_back({end_.get(), POLLIN, 0});
  count_ = all.size() - first_;
}

int captured_child::timeout() const
{
  if (deadline_ && is_keeping())
    return poll_timeout(*deadline_ - clock::now());
  return waits_for_end() && end_.get() == -1 ? static_cast<int>(look_interval.count()) : -1;
}

int captured_child::read_some(std::span<const pollfd> all)
{
  int error = 0;
  for (const pollfd& found : all.subspan(first_, count_))
    for (stream& one : streams_)
      if (found.revents && one.end.get() == found.fd && !error)
        error = one.read_some();
  if (error)
    stop_keeping();
  if (waits_for_end())
    look_at_child();
  left_open_ = is_keeping() && deadline_ && clock::now() >= *deadline_;
  return left_open_ ? give_up() : error;
}

void captured_child::look_at_child()
{
  ended_ = handle_->try_reap() != process::state::running;
  if (!ended_)
    return;
  end_ = pidfd_use();
  if (stopping_)
    deadline_ = clock::now();
  else if (options_.drain_grace)
    deadline_ = deadline_after(*options_.drain_grace);
}

int captured_child::give_up()
{
  int error = 0;
  for (stream& one : streams_)
    if (one.end && one.kept)
      if (const int found = one.read_rest())
        error = found;
  stop_keeping();
  return error;
}

void captured_child::stop_keeping() noexcept
{
  for (stream& one : streams_)
    if (one.kept)
      one.end.reset();
}

void captured_child::stop_reading() noexcept
{
  for (stream& one : streams_)
    one.end.reset();
}

void captured_child::kill_and_reap() noexcept
{
  stop_reading();
  const auto whom = handle_->leads_group() ? stop_.whom : stop_sequence::target::child;
  std::error_code ignored;
  if (handle_->kill(whom) != std::errc::operation_not_permitted)
    child_.wait(ignored);
}

bool captured_child::ends_by(time_point deadline)
{
  read_all({this, 1}, options_, deadline);
  const auto now = clock::now();
  if (!ended_ && handle_->try_reap() == process::state::running && now < deadline)
    wait_until_ended(*handle_, deadline - now);
  return !is_keeping() && handle_->try_reap() != process::state::running;
}

void captured_child::begin_stop()
{
  stopping_ = true;
  look_at_child();
}

void captured_child::abandon()
{
  end_stop();
  stop_reading();
  ended_ = true;
}

void captured_child::end_stop()
{
  left_open_ = is_keeping() && handle_->current() != process::state::running;
  give_up();
}

captured_output captured_child::finish(spawn_failure& failure)
{
  std::error_code ec;
  if (!stopping_)
    child_.wait(ec);
  if (ec && !failure)
    failure = not_waited(program_, ec);
  captured_output output;
  output.program = program_;
  output.status = handle_->status();
  output.report = handle_->report();
  output.out_dropped = streams_[0].text.dropped();
  output.err_dropped = streams_[1].text.dropped();
  output.left_open = left_open_;
  output.out = streams_[0].text.take();
  output.err = streams_[1].text.take();
  return output;
}

int read_all(std::span<captured_child> children, const capture_options& options,
             std::optional<captured_child::time_point> deadline)
{
  int first_error = 0;
  std::vector<pollfd> watched;
  for (;;) {
    const bool until_end = std::ranges::any_of(children, &captured_child::is_stopping) ||
                           (std::ranges::any_of(children, &captured_child::is_dropping) &&
                            !std::ranges::all_of(children, &captured_child::has_ended));
    const auto now = clock::now();
    if ((!until_end && std::ranges::none_of(children, &captured_child::is_keeping)) || (deadline && now >= *deadline))
      return first_error;
    int timeout = deadline ? poll_timeout(*deadline - now) : -1;
    watched.clear();
    for (captured_child& one : children) {
      one.watch(watched, until_end);
      timeout = sooner(timeout, one.timeout());
    }
    int poll_error = 0;
    wait_until_ready(watched, timeout, poll_error);
    if (poll_error == EINTR)
      continue;
    for (captured_child& one : children) {
      const int error = poll_error ? poll_error : one.read_some(watched);
      if (poll_error)
        one.stop_reading();
      if (!first_error)
        first_error = error;
      if (error == ENOBUFS && options.on_overflow == overflow::kill)
        std::ranges::for_each(children, &captured_child::kill);
    }
  }
}

} // namespace subprocess::detail
