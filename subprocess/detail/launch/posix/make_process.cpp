#include <subprocess/detail/launch/make_process.hpp>

#include <algorithm>
#include <cerrno>
#include <thread>

namespace subprocess::detail {

int make_sharing(const child_start&, made_process&) noexcept
{
  return ENOSYS;
}

int make_copy(const child_start& start, made_process& made) noexcept
{
  return make_by_fork(start, made);
}

// Nothing tells of a change here; whoever waits has better means, the end of a pipe.
void wait_for_change(std::atomic<unsigned>& word, unsigned value, std::chrono::nanoseconds limit) noexcept
{
  if (word == value)
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(limit, std::chrono::milliseconds(1)));
}

void* take_stack() noexcept
{
  return nullptr;
}

void give_back_stack(void*) noexcept
{
}

} // namespace subprocess::detail
