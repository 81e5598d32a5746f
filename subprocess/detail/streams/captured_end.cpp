// How captured children come to their end: by themselves, or stopped at a deadline.

#include <algorithm>
#include <cerrno>
#include <vector>

#include <subprocess/detail/failures.hpp>
#include <subprocess/detail/process/group_stop.hpp>
#include <subprocess/detail/process/poll_time.hpp>
#include <subprocess/detail/streams/captured_child.hpp>

namespace subprocess::detail {
namespace {

using clock = std::chrono::steady_clock;

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
      ec = child_->handle()->signal_to(sequence_.whom, step.signal);
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
  const int error = read_all(children, options, deadline);
  const auto in_time = [&](captured_child& child) { return child.ends_by(*deadline); };
  if (deadline)
    if (const auto late = std::ranges::find_if_not(children, in_time); late != children.end()) {
      failure = limit_passed(late->program(), options.limit);
      return stop_all(children, options);
    }
  if (!error)
    return;
  const auto exceeding = std::ranges::find_if(children, &captured_child::has_exceeded);
  failure = error == ENOBUFS && exceeding != children.end() ? bytes_exceeded(exceeding->program(), options.max_bytes)
                                                            : not_read(children.front().program(), error);
}

} // namespace

void stop_all(std::span<captured_child> children, const capture_options& options)
{
  std::vector<captured_stop> stops;
  stops.reserve(children.size());
  for (captured_child& child : children)
    stops.emplace_back(child);
  while (!std::ranges::all_of(stops, &captured_stop::is_over)) {
    for (captured_stop& one : stops)
      one.go_on(clock::now());
    read_all(children, options, std::ranges::min_element(stops, {}, &captured_stop::until)->until());
  }
  std::ranges::for_each(children, &captured_child::end_stop);
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
