#include <subprocess/detail/streams/input_file.hpp>

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>

#include <subprocess/detail/streams/pipe.hpp>

namespace subprocess::detail {

// memfd_create(2). Sealed: a child that writes to its stdin gets EPERM, and does
// not read its own words.
int make_input_file(std::string_view data, unique_fd& file) noexcept
{
  file.reset(::memfd_create("stdin", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file)
    return errno;
  if (const int error = lift(file, 3))
    return error;
  if (const int error = fill(file.get(), data))
    return error;
  return ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == -1 ? errno : 0;
}

} // namespace subprocess::detail
