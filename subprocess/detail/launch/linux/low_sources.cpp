#include "low_sources.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <mutex>

namespace subprocess::detail {
namespace {

// Copying a table of so many costs next to nothing.
constexpr int low = 64;

/// Low numbers, held by descriptors of /dev/null until they are lent.
class parking {
public:
  parking() noexcept : placeholder_(::open("/dev/null", O_RDWR | O_CLOEXEC))
  {
    for (slot& one : slots_)
      one.fd = ::fcntl(placeholder_, F_DUPFD_CLOEXEC, 3);
  }

  /// -1 when there is none.
  int take() noexcept
  {
    const std::lock_guard lock(mutex_);
    for (slot& one : slots_)
      if (!one.lent && one.fd != -1) {
        one.lent = true;
        return one.fd;
      }
    return -1;
  }

  /// What was put there goes, so that a pipe's end is not kept open.
  void give_back(int fd) noexcept
  {
    const std::lock_guard lock(mutex_);
    ::dup3(placeholder_, fd, O_CLOEXEC);
    for (slot& one : slots_)
      if (one.fd == fd)
        one.lent = false;
  }

private:
  struct slot {
    int fd = -1;
    bool lent = false;
  };

  std::mutex mutex_;
  const int placeholder_;
  slot slots_[8];
};

parking& lot()
{
  static parking* const the_one = new parking; // Launches may outlast main().
  return *the_one;
}

} // namespace

low_sources::low_sources(child_plan& plan) noexcept : plan_(plan)
{
  if (plan_.move_count == 0)
    return;
  parking& places = lot(); // From the first launch on: later the low numbers are taken.
  for (std::size_t i = 0; i < plan_.move_count && moved_ < most; ++i) {
    fd_move& move = plan_.moves[i];
    if (move.source < low)
      continue;
    const int slot = places.take();
    if (slot == -1)
      return;
    moves_[moved_++] = {&move, move.source, slot};
    if (slot < move.source && ::dup3(move.source, slot, O_CLOEXEC) == slot)
      move.source = slot;
  }
}

low_sources::~low_sources()
{
  for (int i = 0; i < moved_; ++i) {
    moves_[i].move->source = moves_[i].source;
    lot().give_back(moves_[i].slot);
  }
}

} // namespace subprocess::detail
