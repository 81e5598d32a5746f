#include <subprocess/detail/process/process.hpp>

#include <poll.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include <subprocess/detail/observation/observed_child.hpp>
#include <subprocess/detail/process/own_pid.hpp>
#include <subprocess/detail/process/pidfd.hpp>
#include <subprocess/detail/process/wait_until.hpp>
#include <subprocess/detail/streams/readiness.hpp>
#include <subprocess/kill_tree.hpp>

namespace subprocess::detail {

process::process(pid_t pid, unique_fd pidfd, clock::time_point started, kin relatives) noexcept
    : pid_(pid), parent_(own_pid()), started_(started), kin_(std::move(relatives)), pidfd_(std::move(pidfd))
{
}

void process::begin(pid_t pid, unique_fd pidfd) noexcept
{
  const std::lock_guard lock(mutex_);
  pid_ = pid;
  pidfd_ = std::move(pidfd);
}

bool process::is_parent() const noexcept
{
  return own_pid() == parent_;
}

unique_fd process::take(unique_fd& from) noexcept
{
  const auto lock = is_parent() ? std::unique_lock(mutex_) : std::unique_lock<std::mutex>();
  return std::move(from);
}

int process::hold_pidfd() noexcept
{
  if (current() != state::running)
    return -1;
  const std::lock_guard lock(mutex_);
  if (state_ != state::running)
    return -1;
  if (!pidfd_)
    pidfd_ = open_pidfd(pid_);
  if (pidfd_)
    ++pidfd_users_;
  return pidfd_.get();
}

void process::release_pidfd() noexcept
{
  if (!is_parent())
    return;
  const std::lock_guard lock(mutex_);
  if (--pidfd_users_ == 0 && state_ != state::running)
    pidfd_.reset();
}

int process::pidfd() const noexcept
{
  if (!is_parent())
    return -1;
  const std::lock_guard lock(mutex_);
  return pidfd_.get();
}

void process::observe(std::shared_ptr<observed_child> seen) noexcept
{
  const tell_afterwards after_the_lock;
  const std::lock_guard lock(mutex_);
  seen_ = std::move(seen);
  if (state_ != state::running)
    tell_end();
}

void process::tell_end() const noexcept
{
  if (seen_)
    seen_->ended(error_of(state_), status(), report());
}

void process::run_no_more(state how) noexcept
{
  state_ = how;
  if (pidfd_users_ == 0)
    pidfd_.reset();
  tell_end();
}

void process::lose() noexcept
{
  const tell_afterwards after_the_lock;
  const std::lock_guard lock(mutex_);
  if (state_ == state::running)
    run_no_more(state::lost);
}

process::state process::try_reap() noexcept
{
  return reap_now(false);
}

process::state process::reap_ended() noexcept
{
  return reap_now(true);
}

process::state process::reap_now(bool is_said_to_have_ended) noexcept
{
  if (const state known = current(); known != state::running)
    return known;
  const tell_afterwards after_the_lock;
  const std::lock_guard lock(mutex_);
  if (state_ != state::running)
    return state_;
  // Not by wait4() at once: that takes what a child that we trace stops for. And what ends
  // after this look must not be reaped without the kill; nor is a group killed by hearsay.
  const bool is_known = is_said_to_have_ended && group_stops_ == 0;
  const std::optional<state> seen = is_known ? state::ended : look();
  if (seen == state::running)
    return state_;
  if (seen == state::ended && group_stops_ > 0)
    ::kill(-pid_, SIGKILL); // Once it is reaped, the number may be another group's.
  int raw = 0;
  pid_t result;
  int error = 0;
  do {
    result = ::wait4(pid_, &raw, WNOHANG, &usage_);
    error = result == -1 ? errno : 0;
  } while (error == EINTR);
  if (result == pid_ && !WIFSTOPPED(raw)) { // Where nobody may look, a stop can be taken here.
    status_ = exit_status(raw);
    ended_ = clock::now();
    run_no_more(state::ended);
  } else if (error) { // ECHILD; or a sandbox refuses the call, and nobody here can ever reap it.
    run_no_more(state::lost);
  }
  return state_;
}

// Waits without reaping, then reaps under the lock: a signal from another
// thread finds either a child that still owns its number, or the cache.
process::state process::reap() noexcept
{
  state now = current();
  while (now == state::running) {
    siginfo_t info;
    const int result = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
    const int error = result == -1 ? errno : 0;
    const bool is_refused = error && error != EINTR && error != ECHILD; // By a sandbox.
    const bool has_ended = !error && !is_stop(info);
    if (is_refused || (!error && !has_ended))
      wait_until_ended(*this, std::chrono::nanoseconds::max());
    now = has_ended ? reap_ended() : try_reap(); // Tells an interrupted call and a stolen child apart.
  }
  return now;
}

std::optional<child_change> process::take_change() noexcept
{
  if (current() != state::running)
    return std::nullopt;
  const std::lock_guard lock(mutex_);
  siginfo_t info{};
  if (state_ != state::running ||
      ::waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED | WCONTINUED | WNOHANG) == -1 || info.si_pid != pid_)
    return std::nullopt;
  return child_change{
      info.si_code == CLD_CONTINUED ? child_event::continued : child_event::stopped, info.si_status, {}};
}

std::error_code process::wait_for_change() const noexcept
{
  siginfo_t info;
  const int result = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WSTOPPED | WCONTINUED | WNOWAIT);
  const int error = result == -1 ? errno : 0;
  return {error == EINTR || error == ECHILD ? 0 : error, std::system_category()};
}

process::state process::current() const noexcept
{
  const state known = state_;
  return known == state::running && !is_parent() ? state::lost : known;
}

exit_status process::status() const noexcept
{
  return state_ == state::ended ? status_ : exit_status();
}

std::optional<rusage> process::usage() const noexcept
{
  if (state_ != state::ended)
    return std::nullopt;
  return usage_;
}

std::optional<exit_report> process::report() const noexcept
{
  if (state_ != state::ended)
    return std::nullopt;
  return exit_report{status_, usage_, ended_ - started_, status_.core_dumped()};
}

std::error_code process::signal(int number) noexcept
{
  if (current() != state::running)
    return {EINVAL, std::system_category()};
  const tell_afterwards after_the_lock;
  const std::lock_guard lock(mutex_);
  if (state_ != state::running)
    return {EINVAL, std::system_category()};
  const int result = pidfd_ ? send_by_pidfd(pidfd_.get(), number) : ::kill(pid_, number);
  int error = result == -1 ? errno : 0;
  if (pidfd_ && (error == ENOSYS || error == EPERM)) // A sandbox may refuse the call as such.
    error = ::kill(pid_, number) == -1 ? errno : 0;
  if (error == ESRCH) { // A zombie takes signals, so other code has reaped it.
    run_no_more(state::lost);
    error = EINVAL;
  }
  return {error, std::system_category()};
}

bool process::has_ended() const noexcept
{
  if (current() != state::running)
    return true;
  const std::lock_guard lock(mutex_);
  return state_ != state::running || look().value_or(state::running) != state::running;
}

bool process::is_stopped() const noexcept
{
  if (current() != state::running)
    return false;
  const std::lock_guard lock(mutex_);
  siginfo_t info{};
  return state_ == state::running &&
         ::waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid_;
}

std::optional<process::state> process::look() const noexcept
{
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0)
    return info.si_pid == pid_ && !is_stop(info) ? state::ended : state::running;
  if (errno == ECHILD)
    return state::lost;
  // A sandbox refuses the call.
  const unique_fd opened = pidfd_ ? unique_fd() : open_pidfd(pid_);
  pollfd watched{pidfd_ ? pidfd_.get() : opened.get(), POLLIN, 0};
  if (watched.fd == -1)
    return std::nullopt;
  int ignored = 0;
  return wait_until_ready({&watched, 1}, 0, ignored) == 1 ? state::ended : state::running;
}

std::error_code process::signal_group(int number) noexcept
{
  if (current() != state::running)
    return {EINVAL, std::system_category()};
  const tell_afterwards after_the_lock;
  const std::lock_guard lock(mutex_);
  if (state_ != state::running || !kin_.leads_group)
    return {EINVAL, std::system_category()};
  // No pidfd stands for a group. So ask first whether the leader is still ours:
  // other code may have reaped it.
  if (look() == state::lost) {
    run_no_more(state::lost);
    return {EINVAL, std::system_category()};
  }
  const int error = ::kill(-pid_, number) == -1 ? errno : 0;
  // The leader has gone to another group, and nobody else is in this one.
  return {error == ESRCH ? EINVAL : error, std::system_category()};
}

std::error_code process::kill_tree() const
{
  std::error_code ec(EINVAL, std::system_category());
  if (!kin_.cgroup.empty())
    subprocess::kill_tree(kin_.cgroup, ec);
  return ec;
}

std::error_code process::signal_to(stop_sequence::target whom, int number) noexcept
{
  return whom == stop_sequence::target::group ? signal_group(number) : signal(number);
}

std::error_code process::ask_to_end(stop_sequence::target whom, int number) noexcept
{
  const std::error_code ec = signal_to(whom, number);
  if (!ec && number != 0)
    signal_to(whom, SIGCONT);
  return ec;
}

std::error_code process::kill(stop_sequence::target whom) noexcept
{
  if (whom == stop_sequence::target::group)
    signal_group(SIGKILL);
  return signal(SIGKILL);
}

void process::begin_group_stop() noexcept
{
  if (!is_parent())
    return;
  const std::lock_guard lock(mutex_);
  ++group_stops_;
}

void process::end_group_stop() noexcept
{
  if (!is_parent())
    return;
  const std::lock_guard lock(mutex_);
  --group_stops_;
}

std::error_code error_of(process::state state) noexcept
{
  if (state == process::state::lost)
    return {ECHILD, std::system_category()};
  return {};
}

} // namespace subprocess::detail
