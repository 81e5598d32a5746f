#include <subprocess/detail/child/option_calls.hpp>

#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>

#include <cstdint>

namespace subprocess::detail::raw {
namespace {

long write_and_close(long fd, const char* text) noexcept
{
  if (fd < 0)
    return fd;
  std::size_t size = 0;
  while (text[size])
    ++size;
  const long result = write(static_cast<int>(fd), text, size);
  close(static_cast<int>(fd));
  return result;
}

// A set of 64 capabilities, as two words of 32.
struct capability_sets {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct words[_LINUX_CAPABILITY_U32S_3];
};

} // namespace

long write_file(const char* path, const char* text) noexcept
{
  return write_and_close(call(SYS_openat, AT_FDCWD, address(path), O_WRONLY | O_CLOEXEC), text);
}

long enter_cgroup(int directory) noexcept
{
  return write_and_close(call(SYS_openat, directory, address("cgroup.procs"), O_WRONLY | O_CLOEXEC), "0");
}

unsigned namespace_flags(unsigned namespaces) noexcept
{
  constexpr struct {
    new_namespace kind;
    unsigned flag;
  } flags[] = {{new_namespace::user, CLONE_NEWUSER}, {new_namespace::mount, CLONE_NEWNS},
               {new_namespace::pid, CLONE_NEWPID},   {new_namespace::net, CLONE_NEWNET},
               {new_namespace::uts, CLONE_NEWUTS},   {new_namespace::ipc, CLONE_NEWIPC}};
  unsigned sum = 0;
  for (const auto& each : flags)
    if (namespaces & static_cast<unsigned>(each.kind))
      sum |= each.flag;
  return sum;
}

long unshare(unsigned namespaces) noexcept
{
  return call(SYS_unshare, namespace_flags(namespaces));
}

long make_mounts_private() noexcept
{
  return call(SYS_mount, address("none"), address("/"), 0, MS_REC | MS_PRIVATE, 0);
}

// An ambient capability has to be permitted and inheritable.
long raise_ambient(const int* numbers, std::size_t count, bool drop_others, int& item) noexcept
{
  capability_sets sets;
  if (const long result = call(SYS_capget, address(&sets.header), address(sets.words)); result < 0)
    return result;
  unsigned wanted[_LINUX_CAPABILITY_U32S_3] = {};
  for (std::size_t i = 0; i < count; ++i)
    wanted[numbers[i] / 32] |= 1U << (numbers[i] % 32);
  for (int word = 0; word < _LINUX_CAPABILITY_U32S_3; ++word) {
    __user_cap_data_struct& set = sets.words[word];
    set.inheritable |= wanted[word] & set.permitted; // The others fail below, by name.
    if (drop_others)
      set.permitted &= wanted[word], set.effective &= wanted[word];
  }
  if (const long result = call(SYS_capset, address(&sets.header), address(sets.words)); result < 0)
    return result;
  for (std::size_t i = 0; i < count; ++i) {
    item = static_cast<int>(i);
    if (const long result = call(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, numbers[i]); result < 0)
      return result;
  }
  return 0;
}

} // namespace subprocess::detail::raw
