// How captured children are read to their end, which is their own, or stopped at a deadline.

#include <algorithm>
#include <cerrno>
#include <vector>

#include <subprocess/detail/failures.hpp>
#include <subprocess/detail/process/group_stop.hpp>
#include <subprocess/detail/process/poll_time.hpp>
#include <subprocess/detail/streams/captured_child.hpp>
#include <subprocess/detail/streams/readiness.hpp>

namespace subprocess::detail {
namespace {

using clock = std::chrono::steady_clock;

int sooner(int timeout, int other) noexcept
{
  return timeout == -1 || other == -1 ? std::max(timeout, other) : std::min(timeout, other);
}

/// The way of one child through its stop sequence.
class captured_stop {
public:
  explicit captured_stop(captured_child& child) : child_(&child), sequence_(child.stop_with())
  {
    child.begin_stop();
    std::error_code ec;
    group_ = group_stop(child.handle(), sequence_, ec);
    if (ec) // A group that is none.
      sequence_ = {};
  }

  /// Takes the next step if its time has come.
  void go_on(clock::time_point now)
  {
    if (child_->has_ended() || now < until_)
      return;
    std::error_code ec;
    if (next_ < sequence_.steps.size()) {
      const stop_step& step = sequence_.steps[next_++];
      ec = child_->handle()->ask_to_end(sequence_.whom, step.signal);
      until_ = deadline_after(step.grace);
    } else {
      ec = child_->handle()->kill(sequence_.whom);
      until_ = clock::time_point::max();
    }
    if (ec && ec != std::errc::invalid_argument) // Else it has ended in the meantime.
      child_->abandon();
  }

  bool is_over() const noexcept { return child_->has_ended(); }

  /// When the next step is due.
  clock::time_point until() const noexcept { return is_over() ? clock::time_point::max() : until_; }

private:
  captured_child* child_;
  stop_sequence sequence_;
  group_stop group_;
  std::size_t next_ = 0;
  clock::time_point until_ = clock::time_point::min();
};

// The limit is what went wrong, whatever else does while the children are ended.
void read_and_stop(std::span<captured_child> children, const capture_options& options,
                   std::optional<clock::time_point> deadline, spawn_failure& failure)
{
  read_all(children, deadline);
  const auto in_time = [&](captured_child& child) { return child.ends_by(*deadline); };
  if (deadline)
    if (const auto late = std::ranges::find_if_not(children, in_time); late != children.end()) {
      failure = limit_passed(late->program(), options.limit);
      return stop_all(children);
    }
  if (const auto one = std::ranges::find_if(children, &captured_child::has_exceeded); one != children.end())
    failure = bytes_exceeded(one->program(), options.max_bytes);
  else if (const auto unread = std::ranges::find_if(children, &captured_child::read_error); unread != children.end())
    failure = not_read(unread->program(), unread->read_error());
}

} // namespace

void read_all(std::span<captured_child> children, std::optional<captured_child::time_point> deadline)
{
  std::vector<pollfd> watched;
  for (;;) {
    const bool goes_on = std::ranges::any_of(children, &captured_child::is_reading) ||
                         std::ranges::any_of(children, &captured_child::is_stopping);
    const auto now = clock::now();
    if (!goes_on || (deadline && now >= *deadline))
      return;
    int timeout = deadline ? poll_timeout(*deadline - now) : -1;
    watched.clear();
    for (captured_child& one : children) {
      one.watch(watched);
      timeout = sooner(timeout, one.timeout());
    }
    int error = 0;
    wait_until_ready(watched, timeout, error);
    if (error == EINTR)
      continue;
    bool kill = false;
    for (captured_child& one : children) {
      if (error)
        one.fail(error);
      else
        one.read_ready(watched);
      kill = one.look() || kill;
    }
    if (kill)
      std::ranges::for_each(children, &captured_child::kill);
  }
}

void stop_all(std::span<captured_child> children)
{
  std::vector<captured_stop> stops;
  stops.reserve(children.size());
  for (captured_child& child : children)
    stops.emplace_back(child);
  while (!std::ranges::all_of(stops, &captured_stop::is_over)) {
    for (captured_stop& one : stops)
      one.go_on(clock::now());
    read_all(children, std::ranges::min_element(stops, {}, &captured_stop::until)->until());
  }
}

// Without memory too, and when the caller's own function has thrown, nothing is left.
void read_to_end(std::span<captured_child> children, const capture_options& options,
                 std::optional<clock::time_point> deadline, spawn_failure& failure)
{
  try {
    read_and_stop(children, options, deadline, failure);
  } catch (...) {
    std::ranges::for_each(children, &captured_child::kill);
    std::ranges::for_each(children, &captured_child::kill_and_reap);
    throw;
  }
}

} // namespace subprocess::detail
