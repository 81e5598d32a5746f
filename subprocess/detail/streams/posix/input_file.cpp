#include <subprocess/detail/streams/input_file.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include <subprocess/detail/streams/pipe.hpp>

namespace subprocess::detail {
namespace {

// TMPDIR is not heeded: a program that runs with other rights than its caller
// must not write where that one says.
constexpr char name_template[] = P_tmpdir "/subprocess.XXXXXX";

} // namespace

// Opened a second time to be read: a child cannot write to its stdin.
int make_input_file(std::string_view data, unique_fd& file) noexcept
{
  char name[sizeof name_template];
  std::snprintf(name, sizeof name, "%s", name_template);
  const unique_fd filled(::mkostemp(name, O_CLOEXEC));
  if (!filled)
    return errno;
  int error = fill(filled.get(), data);
  if (!error)
    error = open_file(name, O_RDONLY, file);
  ::unlink(name);
  return error;
}

} // namespace subprocess::detail
