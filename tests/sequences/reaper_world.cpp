#include "reaper_world.hpp"

#include <algorithm>
#include <csignal>
#include <optional>
#include <utility>

#include <subprocess/detail/process/orphans.hpp>

namespace subprocess::tests {
namespace {

using detail::process;

// One for all worlds, since it takes longer to make than all else. Each leaves it empty.
std::optional<asio::io_context> kept_loop;

asio::io_context& shared_loop()
{
  if (!kept_loop)
    kept_loop.emplace(1);
  return *kept_loop;
}

int own_status_of(std::size_t child)
{
  return static_cast<int>(child + 1) << 8; // exit(child + 1)
}

} // namespace

std::string to_string(const deed& done)
{
  static constexpr const char* names[] = {"is born",
                                          "is tracked",
                                          "ends",
                                          "is stolen",
                                          "is waited for",
                                          "is waited for, twice",
                                          "is waited for no more",
                                          "is killed",
                                          "is dropped",
                                          "is looked at",
                                          "is polled",
                                          "is polled no more",
                                          "has no loop any more"};
  std::string text = "child " + std::to_string(done.child) + ' ' + names[static_cast<int>(done.what)];
  if (done.what == act::wait || done.what == act::wait_on || done.what == act::cancel)
    text += " by waiter " + std::to_string(done.waiter);
  return text;
}

struct reaper_world::waiting final : detail::waiter {
  explicit waiting(reaper_world& of) : world(of) {}

  void complete(std::error_code e, exit_status s) noexcept override { world.told(*this, e, s); }
  void abandon() noexcept override { ++abandoned; }

  reaper_world& world;
  std::size_t child = 0;
  bool is_asked = false;
  bool waits_again = false;
  int told = 0;
  int abandoned = 0;
  bool was_cancelled = false;
  std::error_code ec;
  exit_status status;
};

/// As the two that there are: an epoll set of pidfds, and SIGCHLD, whose dispatch asks the
/// kernel for one that has ended.
class reaper_world::source final : public detail::wake_source {
public:
  source(reaper_world& world, detail::event_queue loop) : world_(world), loop_(loop) {}
  ~source() override { world_.source_ = nullptr; }

  reaper_source kind() const noexcept override
  {
    return world_.given_.watches ? reaper_source::pidfd : reaper_source::sigchld;
  }

  bool watch(process& child) noexcept override
  {
    if (!world_.given_.watches)
      return false;
    const int fd = child.hold_pidfd();
    if (fd == -1)
      return false;
    set_.emplace(fd, child.id());
    world_.kernel_.set_registered(fd, true);
    return true;
  }

  void unwatch(process& child) noexcept override
  {
    if (!world_.given_.watches)
      return;
    const int fd = child.pidfd();
    if (set_.erase(fd) == 0)
      world_.fault("a child that is not watched is taken out of the set");
    world_.kernel_.set_registered(fd, false);
    child.release_pidfd();
  }

  void async_wake(detail::wake_handler woken) override
  {
    loop_.hold();
    woken_.emplace(woken);
  }

  bool dispatch(detail::reaping& reaper) noexcept override
  {
    if (!world_.given_.watches)
      return dispatch_as_sigchld(reaper);
    if (const auto number = next_event()) {
      reaper.look(*number);
      if (next_event())
        return true;
    }
    reaper.look_at_unwatched();
    return false;
  }

  void end_of_child() { has_signal_ = true; }

  /// \return Whether it had something to tell.
  bool wake()
  {
    const bool has_news = world_.given_.watches ? next_event().has_value() : has_signal_;
    if (!woken_ || !has_news)
      return false;
    has_signal_ = false;
    auto woken = *std::exchange(woken_, std::nullopt);
    woken(std::error_code());
    loop_.release();
    return true;
  }

  std::string state() const
  {
    std::string text = woken_ ? "armed" : "";
    for (const auto& [fd, number] : set_)
      text += ' ' + std::to_string(number);
    return text + (has_signal_ ? " signal" : "");
  }

private:
  std::optional<pid_t> next_event() const
  {
    for (const auto& [fd, number] : set_)
      if (world_.kernel_.says_ended(fd))
        return number;
    return std::nullopt;
  }

  bool dispatch_as_sigchld(detail::reaping& reaper)
  {
    for (std::size_t i = 0; i < world_.children_.size(); ++i)
      if (world_.kernel_.of(i) == fake_kernel::life::zombie && reaper.look(world_.given_.numbers[i]))
        return true;
    reaper.look_at_all();
    return false;
  }

  reaper_world& world_;
  detail::event_queue loop_;
  std::map<int, pid_t> set_;
  std::optional<detail::wake_handler> woken_;
  bool has_signal_ = false;
};

reaper_world::reaper_world(const reaper_scenario& given)
    : given_(given), next_(given.threads.size()), loop_(shared_loop())
{
  for (std::size_t i = 0; i < most_waiters; ++i)
    waiters_.emplace_back(*this);
  for (const pid_t number : given.numbers) {
    kernel_.add(number);
    children_.emplace_back();
  }
  shared_loop().restart();
  loop_.hold(); // As whoever runs it does; taken away at the end.
  auto made = std::make_unique<source>(*this, loop_);
  source_ = made.get();
  reaper_ = std::make_shared<detail::reaper_core>(detail::loop_executor(shared_loop()), std::move(made));
  reaper_->start();
  shared_loop().poll_one(); // It listens.
}

// What an order that went wrong has left must not be met by the next.
reaper_world::~reaper_world()
{
  if (!reaper_)
    return;
  for (std::size_t i = 0; i < children_.size(); ++i)
    kernel_.end(i, own_status_of(i));
  reaper_->shut_down();
  detail::reap_orphans();
  kept_loop.reset();
}

bool reaper_world::may_move(std::size_t mover) const
{
  if (mover == given_.threads.size())
    return !has_ended_;
  const auto& thread = given_.threads[mover];
  if (next_[mover] == thread.size())
    return false;
  const deed& next = thread[next_[mover]];
  const child& on = children_[next.child];
  switch (next.what) {
  case act::born: return kernel_.is_free(given_.numbers[next.child]);
  case act::tracked:
  case act::ends: return on.handle != nullptr;
  case act::stolen: return kernel_.has_ended(next.child);
  case act::poll_end: return true;
  default: return on.is_tracked;
  }
}

std::string reaper_world::name_of_next(std::size_t mover) const
{
  return mover == given_.threads.size() ? "the loop turns" : to_string(given_.threads[mover][next_[mover]]);
}

bool reaper_world::move(std::size_t mover)
{
  bool has_moved = true;
  if (mover == given_.threads.size())
    has_moved = turn();
  else
    act_on(given_.threads[mover][next_[mover]++]);
  check_children();
  return has_moved;
}

bool reaper_world::turn()
{
  is_turning_ = true;
  const bool has_moved = shared_loop().poll_one() > 0 || (source_ && source_->wake());
  is_turning_ = false;
  if (shared_loop().stopped())
    fault("the loop is released more often than held");
  return has_moved;
}

void reaper_world::act_on(const deed& done)
{
  child& on = children_[done.child];
  const pid_t number = given_.numbers[done.child];
  switch (done.what) {
  case act::born:
    kernel_.bear(done.child);
    on.handle = std::make_shared<process>(detail::kin());
    on.handle->begin(number, unique_fd(given_.has_pidfds ? kernel_.open_pidfd(number) : -1));
    break;
  case act::tracked:
    reaper_->track(detail::reap_table::make_place(), on.handle);
    on.is_tracked = true;
    break;
  case act::ends:
    kernel_.end(done.child, own_status_of(done.child));
    if (source_)
      source_->end_of_child();
    break;
  case act::stolen:
    on.was_stolen = on.was_stolen || kernel_.of(done.child) == fake_kernel::life::zombie;
    kernel_.steal(done.child);
    break;
  case act::wait: wait(done.child, done.waiter, false); break;
  case act::wait_on: wait(done.child, done.waiter, true); break;
  case act::cancel:
    if (detail::waiter* const removed = reaper_->remove(*on.handle, waiters_[done.waiter].id)) {
      if (removed != &waiters_[done.waiter])
        fault("another waiter was cancelled");
      waiters_[done.waiter].was_cancelled = true;
    }
    break;
  case act::kill: kill(done.child); break;
  case act::drop:
    kernel_.expect_signals_for(done.child);
    detail::tracked_child(on.handle, reaper_).kill_and_reap();
    if (!has_ended_ && on.handle->current() == process::state::running && !is_busy())
      fault("the loop does not stay for a child that dies");
    if (source_ && kernel_.has_ended(done.child))
      source_->end_of_child();
    break;
  case act::look: on.handle->try_reap(); break;
  case act::poll:
    if (const int fd = on.handle->hold_pidfd(); fd != -1) {
      on.is_polled = true;
      if (!kernel_.is_open(fd))
        fault("a pidfd to be polled is closed");
    }
    break;
  case act::poll_end:
    if (std::exchange(on.is_polled, false)) {
      if (!kernel_.is_open(on.handle->pidfd()))
        fault("a pidfd was closed under who polls it");
      on.handle->release_pidfd();
    }
    break;
  case act::end_loop:
    reaper_->shut_down();
    has_ended_ = true;
    break;
  }
}

// Whether run() would stay, if whoever runs it went.
bool reaper_world::is_busy()
{
  loop_.release();
  const bool is_over = shared_loop().stopped();
  loop_.hold();
  shared_loop().restart();
  return !is_over;
}

void reaper_world::kill(std::size_t which)
{
  const process::state before = children_[which].handle->current();
  const std::size_t signals = kernel_.signals();
  const bool was_alive = kernel_.of(which) == fake_kernel::life::alive;
  kernel_.expect_signals_for(which);
  const std::error_code ec = children_[which].handle->signal(SIGKILL);
  const bool was_sent = kernel_.signals() != signals;
  if (before != process::state::running && (was_sent || ec != std::errc::invalid_argument))
    fault("a signal is not refused once the status is known");
  if (was_alive && ec)
    fault("a signal for a running child is refused");
  if (was_alive && source_)
    source_->end_of_child();
}

void reaper_world::wait(std::size_t which, std::size_t waiter, bool again)
{
  waiting& one = waiters_[waiter];
  one.child = which;
  one.is_asked = true;
  one.waits_again = again;
  asks_ = &one;
  if (const auto end = reaper_->wait(*children_[which].handle, one))
    one.complete(end->error, end->status);
  asks_ = nullptr;
}

void reaper_world::told(waiting& one, std::error_code ec, exit_status status)
{
  ++one.told;
  one.ec = ec;
  one.status = status;
  if (!is_turning_ && asks_ != &one)
    fault("a waiter is told within another's call");
  if (std::exchange(one.waits_again, false)) { // What is called out of a lock may call back.
    const std::size_t other =
        static_cast<std::size_t>(std::ranges::find_if(waiters_, [&](const waiting& w) { return &w == &one; }) -
                                 waiters_.begin()) +
        1;
    const waiting* const outer = asks_;
    wait(one.child, other, false);
    asks_ = outer;
  }
}

void reaper_world::check_children()
{
  for (std::size_t i = 0; i < children_.size(); ++i) {
    child& one = children_[i];
    if (!one.handle || one.handle->current() == process::state::running)
      continue;
    const exit_status now = one.handle->status();
    if (one.told && *one.told != now)
      fault("the status of child " + std::to_string(i) + " has changed");
    one.told = now;
    if (kernel_.of(i) == fake_kernel::life::alive)
      fault("child " + std::to_string(i) + " lives and is taken for gone");
    const bool is_lost = one.handle->current() == process::state::lost;
    if (is_lost != one.was_stolen)
      fault("child " + std::to_string(i) + (is_lost ? " is taken for lost" : " was stolen, and has a status"));
    else if (!is_lost && now != exit_status(kernel_.wait_status(i)))
      fault("child " + std::to_string(i) + " has another's status");
  }
  for (const std::string& text : kernel_.faults())
    fault(text);
}

void reaper_world::check_waiter(std::size_t index)
{
  const waiting& one = waiters_[index];
  const std::string name = "waiter " + std::to_string(index);
  if (!one.is_asked)
    return;
  const int ends = one.told + one.abandoned + one.was_cancelled;
  if (ends != 1)
    return fault(name + (ends == 0 ? " was never told" : " was told twice"));
  if (one.abandoned && !has_ended_)
    fault(name + " was dropped");
  if (!one.told)
    return;
  const child& of = children_[one.child];
  if (one.ec != (of.was_stolen ? std::error_code(ECHILD, std::system_category()) : std::error_code()))
    fault(name + " got another error: " + one.ec.message());
  else if (!of.was_stolen && one.status != of.handle->status())
    fault(name + " got another status");
}

// Nobody acts any more; the loop has nothing to do.
void reaper_world::end()
{
  for (std::size_t i = 0; i < given_.threads.size(); ++i)
    if (next_[i] != given_.threads[i].size())
      fault("stuck: " + name_of_next(i));
  if (has_ended_)
    detail::reap_orphans();
  for (std::size_t i = 0; i < waiters_.size(); ++i)
    check_waiter(i);
  for (std::size_t i = 0; i < children_.size(); ++i)
    if (children_[i].handle && kernel_.of(i) == fake_kernel::life::zombie)
      fault("child " + std::to_string(i) + " is left as a zombie");
  check_children();
  for (child& one : children_)
    if (one.handle && kernel_.open_count() > 0 && one.handle->current() != process::state::running)
      fault("a pidfd is left open");

  if (has_ended_) // What was held is over with the context.
    return;
  reaper_->shut_down();
  while (shared_loop().poll_one() > 0) {
  }
  loop_.release();
  if (!shared_loop().stopped())
    fault("the loop is held by nobody");
  for (child& one : children_)
    if (one.handle.use_count() > 1)
      fault("a child is kept");
  if (faults_.empty())
    reaper_.reset();
}

std::string reaper_world::state() const
{
  std::string text = kernel_.state() + '|' + (source_ ? source_->state() : "over");
  for (const std::size_t next : next_)
    text += ' ' + std::to_string(next);
  for (const child& one : children_)
    text += one.handle ? ' ' + std::to_string(static_cast<int>(one.handle->current())) : " -";
  for (const waiting& one : waiters_)
    text += one.is_asked ? ' ' + std::to_string(one.told + 2 * one.abandoned + 4 * one.was_cancelled) : " -";
  return text;
}

} // namespace subprocess::tests
