// Runs in the child; what holds for child_main.cpp holds here.

#include <algorithm>
#include <cerrno>
#include <climits>

#include <subprocess/detail/child/child_main.hpp>

#include <subprocess/detail/child/option_calls.hpp>
#include <subprocess/detail/child/raw_calls.hpp>
#include <subprocess/detail/child/signal_guard.hpp>

namespace subprocess::detail {
namespace {

// Descriptors that are no move's, and that the child needs until the exec.
struct other_needs {
  int* const numbers[3];

  explicit other_needs(child_plan& plan) noexcept : numbers{&plan.outcome, &plan.program_fd, &plan.options.cgroup} {}
};

// Out of the way, to whatever number is free: should that be the target of a
// later move, it is lifted again.
long lift(int& number) noexcept
{
  const long lifted = raw::dup_above(number, 3);
  if (lifted >= 0)
    number = static_cast<int>(lifted);
  return lifted;
}

// dup2() onto a number destroys what is there. So a move waits for those whose source
// stands at its target.
bool is_ready(const child_plan& plan, const fd_move& move) noexcept
{
  if (move.source == move.target)
    return true; // It stays what it is.
  for (std::size_t i = 0; i < plan.move_count; ++i)
    if (const fd_move& other = plan.moves[i]; !other.done && other.source == move.target)
      return false;
  return true;
}

// When no move is ready, every target is the source of one other: they go in circles. One
// source out of the way opens its circle, and is back before the next one is opened: with
// room for a single descriptor every order, swap and cycle works.
child_failure open_circle(child_plan& plan) noexcept
{
  const fd_move* first = plan.moves;
  while (first->done)
    ++first;
  fd_move* next = plan.moves;
  while (next->done || next->source != first->target)
    ++next;
  next->lifted = true;
  const long result = lift(next->source);
  return result < 0 ? failed(first->step, result, first->item) : no_failure;
}

long clear_target(int target, const other_needs& others) noexcept
{
  for (int* const number : others.numbers)
    if (*number == target)
      if (const long result = lift(*number); result < 0)
        return result;
  return 0;
}

// A number beyond the limit is told as what it is.
long place(int source, int target) noexcept
{
  const long result = source == target ? raw::clear_close_on_exec(target) : raw::dup_onto(source, target);
  return result == -EBADF && raw::descriptor_flags(source) >= 0 ? -EMFILE : result;
}

// Whatever is put there overwrites it, a stream that the child makes too.
child_failure clear_standard_streams(const other_needs& others) noexcept
{
  for (int* const number : others.numbers)
    if (*number >= 0 && *number < 3)
      if (const long result = lift(*number); result < 0)
        return failed(spawn_step::stdio, result, *number);
  return no_failure;
}

child_failure make_move(fd_move& move, const other_needs& others) noexcept
{
  long result = move.source == move.target ? 0 : clear_target(move.target, others);
  if (result >= 0)
    result = place(move.source, move.target);
  if (result < 0)
    return failed(move.step, result, move.item);
  if (move.blocking)
    raw::make_blocking(move.target);
  if (move.lifted && move.source != move.target) // In place, nobody else would close it after a failure.
    raw::close(move.source);
  move.done = true;
  return no_failure;
}

// Of two for one target the last counts; the other need not be made, but be possible.
child_failure drop_overridden(child_plan& plan) noexcept
{
  for (std::size_t i = 0; i < plan.move_count; ++i) {
    fd_move& move = plan.moves[i];
    for (std::size_t later = i + 1; later < plan.move_count && !move.done; ++later)
      move.done = plan.moves[later].target == move.target;
    if (const long flags = move.done ? raw::descriptor_flags(move.source) : 0; flags < 0)
      return failed(move.step, flags, move.item);
  }
  return no_failure;
}

child_failure make_moves(child_plan& plan, const other_needs& others) noexcept
{
  if (const child_failure failure = drop_overridden(plan); failure.error)
    return failure;
  for (;;) {
    bool has_made = false;
    bool is_over = true;
    for (std::size_t i = 0; i < plan.move_count; ++i) {
      fd_move& move = plan.moves[i];
      if (move.done)
        continue;
      if (!is_ready(plan, move)) {
        is_over = false;
        continue;
      }
      if (const child_failure failure = make_move(move, others); failure.error)
        return failure;
      has_made = true;
    }
    if (is_over)
      return no_failure;
    if (!has_made)
      if (const child_failure failure = open_circle(plan); failure.error)
        return failure;
  }
}

// An inherited stream that the parent has closed, or that is close-on-exec (it is
// no standard stream then, but something that got the number by chance), is closed
// in the program; and so is the stderr that goes where that one goes.
void follow_stdout() noexcept
{
  const long flags = raw::descriptor_flags(1);
  if (flags < 0 || (flags & FD_CLOEXEC))
    raw::close(2);
  else
    raw::dup_onto(1, 2);
}

unsigned next_needed(const other_needs& others, unsigned first) noexcept
{
  unsigned next = UINT_MAX;
  for (const int* const number : others.numbers)
    if (*number != -1 && static_cast<unsigned>(*number) >= first)
      next = std::min(next, static_cast<unsigned>(*number));
  return next;
}

void close_all_but(const fd_range& range, const child_plan& plan, const other_needs& others) noexcept
{
  for (unsigned first = range.first;;) {
    const unsigned needed = next_needed(others, first);
    if (needed == UINT_MAX || needed > range.last) {
      raw::close_range(first, range.last);
      return;
    }
    if (needed > first)
      raw::close_range(first, needed - 1);
    if (needed != static_cast<unsigned>(plan.outcome)) // Which was born so.
      raw::set_close_on_exec(static_cast<int>(needed));
    if (needed == range.last)
      return;
    first = needed + 1;
  }
}

// At once, and not only by the exec: whatever makes that slow, nobody else's
// stream is held open by this child.
void close_unneeded(const child_plan& plan, const other_needs& others) noexcept
{
  for (std::size_t i = 0; i < plan.unneeded_count; ++i)
    if (const bool is_gone = plan.shares_table && plan.unneeded[i].first >= plan.above_sources; !is_gone)
      close_all_but(plan.unneeded[i], plan, others);
}

// What is open in exec() is the caller's, and so it is while hooks run.
void mark_unneeded(const child_plan& plan) noexcept
{
  for (std::size_t i = 0; i < plan.unneeded_count; ++i)
    raw::close_range_on_exec(plan.unneeded[i].first, plan.unneeded[i].last);
}

// Who calls exec() can be interrupted while he waits for a FIFO, as in open().
long open_stream(const child_plan& plan, const made_stream& stream) noexcept
{
  if (plan.guard)
    plan.guard->open();
  const long fd = raw::open_file(stream.path, stream.flags);
  if (plan.guard)
    plan.guard->close();
  return fd;
}

} // namespace

child_failure place_descriptors(child_plan& plan, child_report& report) noexcept
{
  if (plan.shares_table) {
    const long result = raw::unshare_descriptors(plan.above_sources);
    if (result < 0)
      return failed(spawn_step::fork, result, 0);
    report.table_is_own.store(1, std::memory_order_release);
    if (plan.tells_of_own_table)
      raw::wake(report.table_is_own);
  }
  const other_needs others(plan);
  if (const child_failure failure = clear_standard_streams(others); failure.error)
    return failure;
  if (const child_failure failure = make_moves(plan, others); failure.error)
    return failure;
  if (plan.stderr_as_stdout)
    follow_stdout();
  if (plan.in_place || plan.hook_count)
    mark_unneeded(plan);
  else
    close_unneeded(plan, others);
  return no_failure;
}

child_failure make_streams(const child_plan& plan, child_report& report) noexcept
{
  for (std::size_t i = 0; i < plan.made_count; ++i) {
    const made_stream& stream = plan.made[i];
    report.opened.store(stream.item, std::memory_order_relaxed);
    report.at.store(child_report::opening, std::memory_order_relaxed);
    long fd = stream.what == made_stream::kind::text ? raw::make_text_file(stream.text, stream.size)
                                                     : open_stream(plan, stream);
    if (fd >= 0 && fd < 3) { // A standard stream was closed; it may be a target.
      const long lifted = raw::dup_above(static_cast<int>(fd), 3);
      raw::close(static_cast<int>(fd));
      fd = lifted;
    }
    if (fd < 0)
      return failed(spawn_step::open_file, fd, stream.item);
    for (int target = 0; target < 3; ++target)
      if (stream.targets & (1U << target))
        if (const long result = raw::dup_onto(static_cast<int>(fd), target); result < 0)
          return failed(spawn_step::stdio, result, target);
    raw::close(static_cast<int>(fd));
  }
  return no_failure;
}

} // namespace subprocess::detail
