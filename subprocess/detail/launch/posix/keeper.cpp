#include <subprocess/detail/launch/keeper.hpp>

namespace subprocess::detail {

// Nothing tells a child of its parent's death here, whichever thread that was; the child
// says so at its step.
int make_by_keeper(process_maker make, const child_start& start, made_process& made) noexcept
{
  return make(start, made);
}

} // namespace subprocess::detail
