#include <subprocess/detail/launch/outcome.hpp>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace subprocess::detail {

outcome_reader::result outcome_reader::read(int fd) noexcept
{
  for (;;) {
    char buffer[2 * sizeof message_];
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    const int error = got == -1 ? errno : 0;
    if (error == EINTR)
      continue;
    if (error == EAGAIN)
      return result::again;
    if (error)
      return result::garbled;
    if (got == 0)
      break;
    const auto size = static_cast<std::size_t>(got);
    if (size_ < sizeof message_)
      std::memcpy(reinterpret_cast<char*>(&message_) + size_, buffer, std::min(size, sizeof message_ - size_));
    size_ = std::min(size_ + size, sizeof message_ + 1);
  }
  if (size_ == 0)
    return result::succeeded;
  const bool whole = size_ == sizeof message_ && message_.footer == outcome_message::whole && message_.error > 0 &&
                     message_.step >= 0 && message_.step <= static_cast<int>(spawn_step::exec) && message_.item >= 0;
  return whole ? result::failed : result::garbled;
}

child_failure outcome_reader::failure() const noexcept
{
  return {static_cast<spawn_step>(message_.step), message_.item, message_.error};
}

} // namespace subprocess::detail
