#include <subprocess/detail/streams/input_file.hpp>

#include <unistd.h>

#include <cerrno>

namespace subprocess::detail {

int fill(int file, std::string_view data) noexcept
{
  while (!data.empty()) {
    const ssize_t written = ::write(file, data.data(), data.size());
    const int error = written == -1 ? errno : 0;
    if (error && error != EINTR)
      return error;
    if (!error)
      data.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::lseek(file, 0, SEEK_SET) == -1 ? errno : 0;
}

} // namespace subprocess::detail
