#include <subprocess/detail/launch/low_places.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include <subprocess/detail/streams/pipe.hpp>
#include <subprocess/unique_fd.hpp>

#include <subprocess/detail/child/raw_calls.hpp>

namespace subprocess::detail {
namespace {

// Copying a table of so many costs next to nothing.
constexpr int low = 64;

/// All under the launch gate.
class held_numbers {
public:
  /// A number that is held, and nobody else's; -1 when there is none.
  int take(int index) noexcept
  {
    int& number = numbers_[index];
    if (!is_held(number))
      number = -1; // It may be the host's by now.
    if (number == -1)
      number = hold_one();
    return number;
  }

  void take_all() noexcept
  {
    for (int index = 0; index <= low_places::most; ++index)
      take(index);
  }

  /// What was put there goes, so that a pipe's end is not kept open.
  /// \param lent  What that was.
  void give_back(int index, const file_identity& lent) noexcept
  {
    int& number = numbers_[index];
    const int other = numbers_[low_places::most]; // Never lent.
    if (raw::identity_of(number) == lent) {
      if (is_held(other) && ::dup3(other, number, O_CLOEXEC) == number)
        return;
      ::close(number);
    }
    number = -1;
  }

private:
  bool is_held(int number) const noexcept { return number != -1 && raw::identity_of(number) == held_; }

  // Any of the others will do, and a new one is as good.
  unique_fd open_holder() noexcept
  {
    for (const int number : numbers_)
      if (is_held(number))
        return unique_fd(::fcntl(number, F_DUPFD_CLOEXEC, 3));
    unique_fd read_end;
    unique_fd write_end;
    if (make_pipe(read_end, write_end) == 0)
      held_ = raw::identity_of(read_end.get());
    return read_end;
  }

  int hold_one() noexcept
  {
    const unique_fd holder = open_holder();
    if (!holder)
      return -1;
    const int number = ::fcntl(holder.get(), F_DUPFD_CLOEXEC, 3);
    if (number < low)
      return number;
    ::close(number);
    return -1;
  }

  file_identity held_;
  int numbers_[low_places::most + 1] = {-1, -1, -1, -1, -1};
};

constinit held_numbers held;

} // namespace

low_places::low_places(child_plan& plan) noexcept
{
  for (std::size_t i = 0; i < plan.move_count && lent_ < most; ++i) {
    fd_move& move = plan.moves[i];
    if (move.source < low)
      continue;
    const int place = held.take(lent_);
    if (place == -1 || ::dup3(move.source, place, O_CLOEXEC) != place)
      return;
    sources_[lent_++] = std::exchange(move.source, place);
  }
}

low_places::~low_places()
{
  for (int i = 0; i < lent_; ++i)
    held.give_back(i, raw::identity_of(sources_[i]));
}

void low_places::hold() noexcept
{
  held.take_all();
}

} // namespace subprocess::detail
