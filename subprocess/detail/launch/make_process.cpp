#include <subprocess/detail/launch/make_process.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <new>

#include <subprocess/detail/child/signal_guard.hpp>

namespace subprocess::detail {

int make_by_fork(const child_start& start, made_process& made) noexcept
{
  start.plan->shares_table = false;
  const signal_guard guard;
  made.pid = ::fork();
  const int error = made.pid == -1 ? errno : 0;
  if (made.pid == 0)
    run_copied(const_cast<child_start*>(&start));
  return error;
}

child_report* make_shared_report() noexcept
{
  void* const page = ::mmap(nullptr, sizeof(child_report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return page == MAP_FAILED ? nullptr : ::new (page) child_report;
}

void free_shared_report(child_report* report) noexcept
{
  if (report)
    ::munmap(report, sizeof *report);
}

} // namespace subprocess::detail
