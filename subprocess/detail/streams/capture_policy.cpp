#include <subprocess/detail/streams/capture_policy.hpp>

#include <cerrno>

namespace subprocess::detail {

capture_policy::orders capture_policy::ends(std::size_t stream, const ending& how, streams open) noexcept
{
  const streams self = only(stream);
  orders given;
  over_ |= self;
  // To close a terminal that the child has left, and lives on without, would hang up on it.
  const bool child_may_return = how.left && !child_ended_;
  if (!child_may_return && (!giving_up_ || ours_))
    given.close = self & open;
  if (how.error && !how.by_us && !how.left && !giving_up_ && !error_ && keeps(stream))
    error_ = how.error;
  // Its last word may have been the end after all.
  if ((given_up_ & kept_ & self) && (how.error || how.by_us) && !how.left)
    left_open_ = true;
  if (!is_reading())
    given.over = true;
  else if (child_ended_ && !giving_up_ && !is_keeping(open & ~given.close))
    given.stop = give_up(open & ~given.close).stop;
  return given;
}

capture_policy::orders capture_policy::exceeds(streams open) noexcept
{
  if (!error_)
    error_.assign(ENOBUFS, std::system_category());
  return {.close = read_ & kept_ & open, .kill = on_overflow_ == overflow::kill};
}

// What is dropped is read no longer than what is kept.
capture_policy::orders capture_policy::child_ended(streams open) noexcept
{
  child_ended_ = true;
  orders given;
  if (!giving_up_)
    given.close = over_ & open;
  if (!is_keeping(open))
    given.stop = give_up(open).stop;
  else
    given.wait = grace_.has_value();
  return given;
}

capture_policy::orders capture_policy::give_up(streams open) noexcept
{
  giving_up_ = true;
  const streams given_up = read_ & open & ~over_;
  given_up_ |= given_up;
  return {.stop = given_up};
}

} // namespace subprocess::detail
