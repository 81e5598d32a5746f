#include <subprocess/detail/launch/owned_launch.hpp>

#include <mutex>
#include <new>
#include <vector>

namespace subprocess::detail {
namespace {

// Never destroyed: a child may still read when main() has returned.
struct retired_launches {
  std::mutex mutex;
  std::vector<owned_launch*> list;

  static retired_launches& instance()
  {
    static retired_launches* const all = new retired_launches;
    return *all;
  }
};

void free_those_over(std::vector<owned_launch*>& list) noexcept
{
  std::erase_if(list, [](owned_launch* launch) {
    const bool over = launch->shared.in_use == 0;
    if (over)
      delete launch;
    return over;
  });
}

} // namespace

void owned_launch::close_theirs()
{
  plan.close_theirs();
  what.stdin_from(stdio::inherit()).stdout_to(stdio::inherit()).stderr_to(stdio::inherit());
}

void dispose_launch::operator()(owned_launch* launch) const noexcept
{
  // The child has a table of its own; what waits for it is memory alone.
  launch->close_theirs();
  for (unique_fd& end : launch->plan.ours)
    end.reset();
  if (launch->shared.in_use == 0) {
    delete launch;
    return;
  }
  retired_launches& retired = retired_launches::instance();
  const std::lock_guard lock(retired.mutex);
  free_those_over(retired.list);
  try {
    retired.list.push_back(launch);
  } catch (const std::bad_alloc&) {
    // A leak is the lesser evil: the child must not lose the ground it stands on.
  }
}

} // namespace subprocess::detail
