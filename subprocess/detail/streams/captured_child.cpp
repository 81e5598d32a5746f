#include <subprocess/detail/streams/captured_child.hpp>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <subprocess/command_settings.hpp>
#include <subprocess/detail/failures.hpp>
#include <subprocess/detail/launch/child_parts.hpp>
#include <subprocess/detail/launch/launch_plan.hpp>
#include <subprocess/detail/process/poll_time.hpp>
#include <subprocess/detail/process/wait_until.hpp>
#include <subprocess/detail/streams/capture_command.hpp>
#include <subprocess/detail/streams/capture_read.hpp>

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

} // namespace

captured_child::captured_child(const command& what, outputs streams, const capture_options& options,
                               spawn_failure& failure, std::optional<time_point> deadline)
    : options_(options), program_(what.get().program), stop_(what.get().stop),
      policy_(streams == outputs::kept ? 3 : 0, options.on_overflow, options.drain_grace, true),
      streams_{stream(options), stream(options), stream(nothing())}
{
  child_parts parts = spawn_unattended(what, streams, failure, deadline);
  if (failure)
    return;
  take_ends(parts.pipes);
  handle_ = parts.handle;
  child_ = child(std::move(parts));
}

// What a child writes to its terminal counts as what it writes to the first stream
// that is read of it; when both are pipes, nobody wants it.
void captured_child::take_ends(unique_fd (&pipes)[4])
{
  auto& [in, out, err, terminal] = pipes;
  in.reset();
  streams_[1].name = output_stream::err;
  if (policy_.keeps(0) && options_.on_output)
    streams_[0].told = streams_[1].told = &options_.on_output;
  const std::size_t place = !out ? 0 : !err ? 1 : 2;
  streams_[0].end = std::move(out);
  streams_[1].end = std::move(err);
  if (terminal)
    streams_[place].end = std::move(terminal);
  for (std::size_t i = 0; i < capture_policy::count; ++i)
    if (streams_[i].end)
      policy_.begins(i);
}

// What is there, and no more.
bool captured_child::stream::read_rest()
{
  std::string rest;
  const bool has_ended = read_what_is_there(end.get(), text, told ? &rest : nullptr);
  tell(rest);
  return has_ended;
}

void captured_child::stream::tell(std::string_view piece) const
{
  if (told && !piece.empty())
    (*told)(name, piece);
}

bool captured_child::has_exceeded() const noexcept
{
  return std::ranges::any_of(streams_, [](const stream& one) { return one.text.must_stop(); });
}

capture_policy::streams captured_child::open() const noexcept
{
  capture_policy::streams all = 0;
  for (std::size_t i = 0; i < capture_policy::count; ++i)
    all |= streams_[i].end ? capture_policy::only(i) : 0;
  return all;
}

// While something is kept, and kept to its end, the child's own end changes nothing.
bool captured_child::waits_for_end() const noexcept
{
  return !ended_ && (stopping_ || (is_reading() && (options_.drain_grace || !policy_.is_keeping(open()))));
}

void captured_child::watch(std::vector<pollfd>& all)
{
  first_ = all.size();
  for (std::size_t i = 0; i < capture_policy::count; ++i)
    if (policy_.is_reading(i))
      all.push_back({streams_[i].end.get(), POLLIN, 0});
  if (waits_for_end() && end_.get() == -1)
    end_ = pidfd_use(*handle_);
  if (waits_for_end() && end_.get() != -1)
    all.push_back({end_.get(), POLLIN, 0});
  count_ = all.size() - first_;
}

int captured_child::timeout() const
{
  if (deadline_ && is_reading())
    return poll_timeout(*deadline_ - clock::now());
  return waits_for_end() && end_.get() == -1 ? static_cast<int>(look_interval.count()) : -1;
}

void captured_child::read_ready(std::span<const pollfd> all)
{
  for (const pollfd& found : all.subspan(first_, count_))
    for (std::size_t i = 0; i < capture_policy::count; ++i)
      if (found.revents && policy_.is_reading(i) && streams_[i].end.get() == found.fd)
        read(i);
}

bool captured_child::look()
{
  if (waits_for_end())
    look_at_child();
  if (deadline_ && clock::now() >= *deadline_)
    obey(policy_.grace_passed(open()));
  return std::exchange(kills_, false);
}

void captured_child::read(std::size_t from)
{
  stream& one = streams_[from];
  const auto room = one.text.room();
  int error = 0;
  const ssize_t got = read_past_early_end(one.end.get(), room, error);
  if (error == EINTR)
    return;
  if (got <= 0) {
    const bool is_left = error == EIO && ::isatty(one.end.get()) == 1; // A terminal, and its last user.
    return is_over(from, {.left = is_left, .error = {error, std::system_category()}});
  }
  one.tell({room.data(), static_cast<std::size_t>(got)});
  one.text.add(static_cast<std::size_t>(got));
  if (one.text.must_stop())
    exceed();
}

void captured_child::exceed()
{
  const capture_policy::orders given = policy_.exceeds(open());
  obey(given);
  for (std::size_t i = 0; i < capture_policy::count; ++i)
    if (given.close & capture_policy::only(i))
      is_over(i, {.by_us = true});
}

void captured_child::is_over(std::size_t from, const capture_policy::ending& how)
{
  obey(policy_.ends(from, how, open()));
}

// What is stopped has the last word.
void captured_child::obey(const capture_policy::orders& given)
{
  kills_ = kills_ || given.kill;
  if (given.wait)
    deadline_ = deadline_after(policy_.grace());
  if (given.over)
    deadline_.reset();
  for (std::size_t i = 0; i < capture_policy::count; ++i) {
    stream& one = streams_[i];
    if (given.close & capture_policy::only(i))
      one.end.reset();
    if (!(given.stop & capture_policy::only(i)) || !policy_.is_reading(i))
      continue;
    const bool has_ended = policy_.keeps(i) && one.read_rest();
    if (one.text.must_stop())
      exceed();
    if (policy_.is_reading(i))
      is_over(i, {.error = {has_ended ? 0 : ECANCELED, std::system_category()}});
  }
}

void captured_child::look_at_child()
{
  ended_ = ended_ || handle_->try_reap() != process::state::running;
  if (!ended_)
    return;
  end_ = pidfd_use();
  obey(policy_.child_ended(open()));
  if (stopping_ && is_reading())
    obey(policy_.give_up(open()));
}

void captured_child::fail(int error)
{
  for (std::size_t i = 0; i < capture_policy::count; ++i)
    if (policy_.is_reading(i))
      is_over(i, {.error = {error, std::system_category()}});
}

void captured_child::close_all() noexcept
{
  for (stream& one : streams_)
    one.end.reset();
}

void captured_child::kill_and_reap() noexcept
{
  close_all();
  const auto whom = handle_->leads_group() ? stop_.whom : stop_sequence::target::child;
  std::error_code ignored;
  if (handle_->kill(whom) != std::errc::operation_not_permitted)
    child_.wait(ignored);
  stopping_ = true; // And not waited for again.
}

bool captured_child::ends_by(time_point deadline)
{
  read_all({this, 1}, deadline);
  const auto now = clock::now();
  if (!ended_ && handle_->try_reap() == process::state::running && now < deadline)
    wait_until_ended(*handle_, deadline - now);
  if (!ended_)
    look_at_child();
  return ended_ && !is_reading();
}

void captured_child::begin_stop()
{
  stopping_ = true;
  look_at_child();
}

void captured_child::abandon()
{
  obey(policy_.give_up(open()));
  ended_ = true;
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
  output.left_open = policy_.left_open();
  output.out = streams_[0].text.take();
  output.err = streams_[1].text.take();
  return output;
}

} // namespace subprocess::detail
