#include <subprocess/detail/observation/observed_child.hpp>

#include <cerrno>
#include <new>
#include <utility>

#include <subprocess/command_settings.hpp>
#include <subprocess/detail/observation/observer_list.hpp>
#include <subprocess/detail/process/own_pid.hpp>

namespace subprocess::detail {
namespace {

constinit std::atomic<std::uint64_t> last_number = 0;

/// What a thread is yet to tell, in the order in which it happened.
struct telling_queue {
  unsigned held_back = 0; // So many tell_afterwards live.
  bool is_telling = false;
  observed_child* first = nullptr;
  observed_child* last = nullptr;
};

constinit thread_local telling_queue queue;

} // namespace

tell_afterwards::tell_afterwards() noexcept
{
  ++queue.held_back;
}

tell_afterwards::~tell_afterwards()
{
  if (--queue.held_back == 0 && queue.first)
    tell_all();
}

// What an observer causes comes behind the rest, and is told by the same loop.
void tell_afterwards::tell_all() noexcept
{
  if (queue.held_back > 0 || std::exchange(queue.is_telling, true))
    return;
  while (queue.first) {
    const std::shared_ptr<observed_child> one = std::move(queue.first->self_);
    queue.first = std::exchange(one->next_, nullptr);
    if (!queue.first)
      queue.last = nullptr;
    one->tell();
  }
  queue.is_telling = false;
}

std::shared_ptr<observed_child> observed_child::of_launch(const command& what)
{
  auto observers = observer_list::current();
  if (!observers)
    return nullptr;
  auto made = std::make_shared<observed_child>(std::move(observers));
  made->seen_.program = what.get().program;
  made->seen_.command_line = to_string(what);
  return made;
}

std::shared_ptr<observed_child> observed_child::of_adoption()
{
  auto observers = observer_list::current();
  if (!observers)
    return nullptr;
  auto made = std::make_shared<observed_child>(std::move(observers));
  made->seen_.what = observed::adopted;
  return made;
}

observed_child::observed_child(std::shared_ptr<const observer_list> observers) noexcept
    : observers_(std::move(observers)), owner_(own_pid()), began_(clock::now())
{
  seen_.number = ++last_number;
  seen_.begun = std::chrono::system_clock::now();
}

observation::time_point observed_child::now() const noexcept
{
  return seen_.begun + std::chrono::duration_cast<observation::time_point::duration>(clock::now() - began_);
}

void observed_child::started(pid_t pid, launcher used) noexcept
{
  if (std::exchange(is_decided_, true))
    return;
  seen_.pid = pid;
  seen_.used = used;
  seen_.started = now();
  tell_soon();
}

void observed_child::failed(const spawn_failure& failure) noexcept
{
  if (std::exchange(is_decided_, true))
    return;
  seen_.what = observed::failed;
  seen_.over = now();
  try {
    seen_.failure = failure;
    seen_.failure.program = seen_.program;
  } catch (const std::bad_alloc&) { // The strings are missing.
    seen_.failure.code = failure.code;
    seen_.failure.step = failure.step;
  }
  tell_soon();
}

void observed_child::ended(std::error_code error, exit_status status, const std::optional<exit_report>& report) noexcept
{
  over_ = now();
  status_ = status;
  report_ = report;
  error_ = error;
  if (progress_.fetch_or(has_ended) & start_told)
    tell_soon();
}

void observed_child::tell_soon() noexcept
{
  if (owner_ != own_pid()) // What happens to it is told by the program that has started it.
    return;
  self_ = shared_from_this();
  (queue.last ? queue.last->next_ : queue.first) = this;
  queue.last = this;
  tell_afterwards::tell_all();
}

void observed_child::tell() noexcept
{
  if (owner_ != own_pid()) // An observer has made a fork that goes on.
    return;
  if (progress_ & start_told)
    return tell_end();
  observers_->tell(seen_);
  if (progress_.fetch_or(start_told) & has_ended)
    tell_end();
}

void observed_child::tell_end() noexcept
{
  seen_.what = observed::ended;
  seen_.over = over_;
  seen_.status = status_;
  seen_.report = report_;
  seen_.error = error_;
  observers_->tell(seen_);
}

} // namespace subprocess::detail
