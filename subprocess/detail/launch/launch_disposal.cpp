// What a child in our memory reads stays until the child lets go of it, whoever has
// lost interest meanwhile.

#include <mutex>
#include <utility>

#include <subprocess/detail/launch/launch.hpp>
#include <subprocess/detail/process/orphans.hpp>

namespace subprocess::detail {
namespace {

launch* in_use = nullptr; // Under shelf_lock(). Linked, so that adding one takes no memory.

} // namespace

void dispose_launch::operator()(launch* done) const noexcept
{
  done->tell_abandoned();
  done->drop_child();
  done->close_theirs();
  done->outcome_.reset();
  for (unique_fd& end : done->plan_.ours)
    end.reset();

  launch* over = nullptr;
  {
    const std::lock_guard lock(shelf_lock());
    done->next_ = std::exchange(in_use, done);
    for (launch** link = &in_use; *link;) {
      launch* const one = *link;
      if (one->is_in_use()) {
        link = &one->next_;
        continue;
      }
      *link = one->next_;
      one->next_ = std::exchange(over, one);
    }
  }
  while (over)
    delete std::exchange(over, over->next_);
}

launch_pointer make_launch(command what, const stream_defaults& defaults, spawn_failure& failure)
{
  return {new launch(std::make_unique<command>(std::move(what)), defaults, failure), dispose_launch()};
}

child_parts spawn_parts(const command& what, const stream_defaults& defaults, spawn_failure& failure,
                        std::optional<process::clock::time_point> deadline)
{
  reap_orphans();
  // A child that cannot be killed in time may need the command for longer than the
  // caller, who without a deadline waits for it.
  std::optional<launch> on_stack;
  launch_pointer kept;
  if (deadline)
    kept = make_launch(what, defaults, failure);
  else
    on_stack.emplace(what, defaults, failure);
  launch& mine = kept ? *kept : *on_stack;
  launch_gate gate;
  while (!failure && !mine.has_child()) {
    mine.start(told_by::waiting, std::unique_lock(gate), failure);
    if (!failure)
      mine.wait(deadline, failure);
  }
  if (!failure)
    return mine.take();
  mine.tell_failed(failure);
  return {};
}

} // namespace subprocess::detail
