#include <sys/wait.h>

#include <asio/basic_signal_set.hpp>

#include <csignal>

#include <asio_integration/detail/reaper/sigchld_handler.hpp>
#include <asio_integration/detail/reaper/wake_source.hpp>

namespace subprocess::detail {
namespace {

class sigchld_source final : public wake_source {
public:
  explicit sigchld_source(const loop_executor& executor) : signals_(executor, SIGCHLD) { restart_interrupted_calls(); }

  reaper_source kind() const noexcept override { return reaper_source::sigchld; }

  // A signal can be lost: the host may take the handler away, block the signal,
  // or reap our child. So no child counts as watched.
  bool watch(process&) noexcept override { return false; }
  void unwatch(process&) noexcept override {}

  void async_wake(wake_handler woken) override { signals_.async_wait(woken); }

  // One signal may stand for many children. The kernel names one that has ended
  // at a time, so ours are found without a call for each that runs. It names
  // strangers too, and goes on naming them: then there is no way around asking
  // for each of ours. Nor is there when all are gone, or a sandbox refuses the
  // call. Where thousands run it takes its time, so handlers come in between.
  bool dispatch(reaping& reaper) noexcept override
  {
    siginfo_t info{};
    const int result = ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);
    if (result == 0 && info.si_pid == 0)
      return false;
    if (result == 0 && !is_stop(info) && reaper.look(info.si_pid))
      return true;
    reaper.look_at_all();
    return false;
  }

private:
  asio::basic_signal_set<loop_executor> signals_;
};

} // namespace

std::unique_ptr<wake_source> make_sigchld_source(const loop_executor& executor)
{
  return std::make_unique<sigchld_source>(executor);
}

} // namespace subprocess::detail
