#include <subprocess/detail/process/own_pid.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <new>

namespace subprocess::detail {
namespace {

// In a page that the kernel wipes in every fork, however it came about: a handler
// of pthread_atfork() would not hear of each. Null where the kernel cannot.
// madvise(2), MADV_WIPEONFORK.
std::atomic<pid_t>* make_wiped_number() noexcept
{
  const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* const page = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED)
    return nullptr;
  if (::madvise(page, size, MADV_WIPEONFORK) == -1) {
    ::munmap(page, size);
    return nullptr;
  }
  return ::new (page) std::atomic<pid_t>(0);
}

std::atomic<pid_t>* const number = make_wiped_number();

} // namespace

pid_t own_pid() noexcept
{
  if (!number)
    return ::getpid();
  pid_t known = number->load(std::memory_order_relaxed);
  if (known == 0) {
    known = ::getpid();
    number->store(known, std::memory_order_relaxed);
  }
  return known;
}

} // namespace subprocess::detail
