#include <asio_integration/detail/kqueue/exit_watch.hpp>

#include <algorithm>
#include <cerrno>
#include <new>

namespace subprocess::detail {

// An exit before the child was added is told by some systems and not by others, so it is
// looked at once afterwards. Who is told that nothing watches the child reaps it at once.
bool exit_watch::watch(pid_t pid) noexcept
{
  const int error = calls_.add(pid);
  const bool has_ended = calls_.can_be_reaped(pid);
  if (error == 0 && !has_ended)
    return true;
  if (error == ESRCH && !has_ended) // It is exiting: neither running nor to be reaped.
    return look_soon(pid);
  if (error == 0)
    calls_.remove(pid);
  return false;
}

void exit_watch::unwatch(pid_t pid) noexcept
{
  calls_.remove(pid);
  const std::lock_guard lock(mutex_);
  exiting_.erase(pid);
}

void exit_watch::dispatch(reaping& reaper) noexcept
{
  kqueue_events events;
  calls_.take(events);
  for (std::size_t i = 0; i < events.exited_count; ++i)
    exited(events.exited[i], reaper);
  if (events.timer_passed)
    look_again(reaper);
  reaper.look_at_unwatched();
}

// The reaper's look at one that has not ended leaves it to the reaper.
void exit_watch::exited(pid_t pid, reaping& reaper) noexcept
{
  if (calls_.can_be_reaped(pid) || !look_soon(pid))
    reaper.look(pid);
}

bool exit_watch::look_soon(pid_t pid) noexcept
{
  const std::lock_guard lock(mutex_);
  try {
    exiting_[pid] = 0;
  } catch (const std::bad_alloc&) {
    return false;
  }
  if (start_timer())
    return true;
  exiting_.erase(pid);
  return false;
}

// A look may take any out, and launches on other threads put some in.
void exit_watch::look_again(reaping& reaper) noexcept
{
  for (pid_t pid = exiting_after(0); pid != 0; pid = exiting_after(pid))
    if (calls_.can_be_reaped(pid) || looked_in_vain(pid))
      look_last(pid, reaper);
  std::unique_lock lock(mutex_);
  timer_ = {};
  const bool started = start_timer();
  lock.unlock();
  if (!started) // The reaper's own has to do.
    for (pid_t pid = exiting_after(0); pid != 0; pid = exiting_after(pid))
      look_last(pid, reaper);
}

// Taken out first: once it is reaped, its number may be that of another who is put in.
void exit_watch::look_last(pid_t pid, reaping& reaper) noexcept
{
  std::unique_lock lock(mutex_);
  exiting_.erase(pid);
  lock.unlock();
  reaper.look(pid);
}

pid_t exit_watch::exiting_after(pid_t pid) noexcept
{
  const std::lock_guard lock(mutex_);
  const auto next = exiting_.upper_bound(pid);
  return next == exiting_.end() ? 0 : next->first;
}

// True when that was often enough.
bool exit_watch::looked_in_vain(pid_t pid) noexcept
{
  const std::lock_guard lock(mutex_);
  const auto found = exiting_.find(pid);
  return found != exiting_.end() && ++found->second >= most_looks;
}

// For the one that was looked at least. One that passes earlier is not put off, or many
// exits would put it off for ever.
bool exit_watch::start_timer() noexcept
{
  if (exiting_.empty())
    return true;
  const auto least = std::ranges::min_element(exiting_, {}, [](const auto& one) { return one.second; });
  const std::chrono::milliseconds time(1 << least->second);
  if (timer_.count() != 0 && timer_ <= time)
    return true;
  timer_ = calls_.start_timer(time) == 0 ? time : std::chrono::milliseconds(0);
  return timer_.count() != 0;
}

} // namespace subprocess::detail
